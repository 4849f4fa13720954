using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>One Tunnel listener over the process's life, by name. Thread-safe: what a reload changes is swapped as a whole.</summary>
/// <param name="name">The listener's.</param>
/// <param name="endpoint">What stands for its clients' data connections where a connection has an endpoint.</param>
internal sealed class TunnelListener(string name, EndpointState endpoint)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TunnelTenant> _tenants = [];
    private TunnelListenerConfig _config = new();
    private TunnelCapacityConfig _capacity = new();
    private Credential[] _credentials = [];

    public string Name { get; } = name;

    public EndpointState Endpoint { get; } = endpoint;

    public TunnelListenerConfig Config => Volatile.Read(ref _config);

    public TunnelCapacityConfig Capacity => Volatile.Read(ref _capacity);

    /// <summary>Clients have to prove who they are.</summary>
    public bool AsksForSecret => Volatile.Read(ref _credentials).Length > 0;

    /// <summary>Whoever comes without a secret.</summary>
    public TunnelTenant Anybody { get; } = new("");

    /// <summary>Everybody who has come so far, by name.</summary>
    public IReadOnlyList<TunnelTenant> Tenants
    {
        get
        {
            lock (_gate)
            {
                return [Anybody, .. _tenants.Values];
            }
        }
    }

    /// <summary>Reads the files that a config names; the errors, each with its field.</summary>
    public static (IReadOnlyList<(string Tenant, byte[] Key)> Keys, IReadOnlyList<string> Errors) Read(TunnelListenerConfig config)
    {
        var keys = new List<(string, byte[])>();
        var errors = new List<string>();
        if (config.SecretFile is { } file)
        {
            Add("", file, "secretFile");
        }

        for (var i = 0; i < config.Tenants.Count; i++)
        {
            Add(config.Tenants[i].Name, config.Tenants[i].TokenFile, $"tenants[{i}].tokenFile");
        }

        return (keys, errors);

        void Add(string tenant, string path, string field)
        {
            const int MaxBytes = 4096;
            try
            {
                using var stream = File.OpenRead(path);
                var bytes = new byte[MaxBytes + 1];
                var length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
                var text = System.Text.Encoding.UTF8.GetString(bytes, 0, length).Trim();
                if (length > MaxBytes || text.Length == 0)
                {
                    errors.Add($"{field}: '{path}' must have 1 to {MaxBytes} bytes");
                    return;
                }

                keys.Add((tenant, TunnelKey.Of(text)));
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                errors.Add($"{field}: '{path}' cannot be read: {problem.Message}");
            }
        }
    }

    /// <summary>Puts a config in force.</summary>
    public void Configure(TunnelListenerConfig config, TunnelCapacityConfig capacity, IReadOnlyList<(string Tenant, byte[] Key)> keys)
    {
        lock (_gate)
        {
            foreach (var tenant in config.Tenants)
            {
                if (!_tenants.TryGetValue(tenant.Name, out var known))
                {
                    _tenants.Add(tenant.Name, known = new TunnelTenant(tenant.Name));
                }

                known.Config = tenant;
            }

            Volatile.Write(ref _config, config);
            Volatile.Write(ref _capacity, capacity);
            Volatile.Write(
                ref _credentials,
                [.. keys.Select(key => new Credential(key.Tenant == "" ? Anybody : _tenants[key.Tenant], key.Key))]
            );
        }
    }

    /// <summary>Puts secrets in force that were read anew; nothing where the config that named them is not in force any more.</summary>
    public void Renew(TunnelListenerConfig config, IReadOnlyList<(string Tenant, byte[] Key)> keys)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_config, config))
            {
                Configure(config, _capacity, keys);
            }
        }
    }

    /// <summary>Who has answered a challenge; null: nobody that is known. Looks at all, so that the time it takes says nothing.</summary>
    public TunnelTenant? Verify(Guid challenge, string answer)
    {
        TunnelTenant? found = null;
        foreach (var credential in Volatile.Read(ref _credentials))
        {
            if (TunnelKey.Verify(credential.Key, challenge, answer))
            {
                found ??= credential.Tenant;
            }
        }

        return found;
    }

    /// <summary>Bytes per second of a tenant's tunnel, in each direction; 0: no limit.</summary>
    public long BytesPerSecond(TunnelTenant tenant)
    {
        var own = tenant.Config?.BandwidthBitsPerSecond ?? 0;
        var most = Capacity.MaxBandwidthBitsPerSecond;
        return (
                own == 0 ? most
                : most == 0 ? own
                : Math.Min(own, most)
            ) / 8;
    }

    /// <summary>Ports that a tenant may have.</summary>
    public PortRangeConfig? RangeOf(TunnelTenant tenant) => tenant.Config?.PortRange ?? Config.PortRange;

    private sealed record Credential(TunnelTenant Tenant, byte[] Key);
}
