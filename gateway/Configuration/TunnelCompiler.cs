using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;

namespace Mooring.Gateway.Configuration;

/// <summary>The Tunnel listeners' part of <see cref="ListenerCompiler"/>. Pure.</summary>
internal static class TunnelCompiler
{
    public const int MaxTenants = 64;
    private const long MaxBits = 1_000_000_000_000;

    public static void Check(string path, ListenerConfig listener, ErrorList errors)
    {
        Absent($"{path}.backend", listener.Backend, errors);
        Absent($"{path}.tcp", listener.Tcp, errors);
        Absent($"{path}.webSocket", listener.WebSocket, errors);
        if (listener.Tls?.Mode == TlsMode.Passthrough)
        {
            errors.Add($"{path}.tls.mode", "Passthrough is only for protocol TCP");
        }

        if (listener.Tunnel is not { } tunnel)
        {
            errors.Add($"{path}.tunnel", "is required");
            return;
        }

        path = $"{path}.tunnel";
        if ((tunnel.PortRange is null) == (tunnel.VisitorsOf is null))
        {
            errors.Add(path, "exactly one of portRange and visitorsOf must be set");
        }

        CheckRange($"{path}.portRange", tunnel.PortRange, errors);
        errors.Range($"{path}.grace", tunnel.Grace, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        errors.Range($"{path}.visitorTimeout", tunnel.VisitorTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
        CheckFile($"{path}.secretFile", tunnel.SecretFile, errors);
        if (tunnel.Domain is { } domain && (domain.Length > 190 || !HostNames.IsName(domain)))
        {
            errors.Add($"{path}.domain", $"'{domain}' is not {HostNames.Meaning} of at most 190 characters");
        }

        if (tunnel.Tenants.Count > MaxTenants)
        {
            errors.Add($"{path}.tenants", $"has {tunnel.Tenants.Count} items; must have at most {MaxTenants}");
            return;
        }

        var names = new HashSet<string>();
        for (var i = 0; i < tunnel.Tenants.Count; i++)
        {
            CheckTenant($"{path}.tenants[{i}]", tunnel, tunnel.Tenants[i], names, errors);
        }
    }

    /// <summary>What no listener can say alone: who it is whose visitors come, and that no port is two things.</summary>
    public static void CheckTogether(IReadOnlyList<ListenerConfig> listeners, ErrorList errors)
    {
        for (var i = 0; i < listeners.Count; i++)
        {
            if (listeners[i] is not { Protocol: ListenerProtocol.Tunnel, Tunnel: { } tunnel })
            {
                continue;
            }

            if (
                tunnel.VisitorsOf is { } name
                && !listeners.Any(other => other.Name == name && other.Tunnel is { PortRange: not null, Domain: not null })
            )
            {
                errors.Add($"listeners[{i}].tunnel.visitorsOf", $"there is no listener '{name}' with tunnel.portRange and tunnel.domain");
            }

            if (tunnel.PortRange is not { } range)
            {
                continue;
            }

            for (var j = 0; j < listeners.Count; j++)
            {
                var other = listeners[j];
                var bind = other.BindPort == 0 ? other.Port : other.BindPort;
                if (bind >= range.Start && bind <= range.End)
                {
                    errors.Add($"listeners[{i}].tunnel.portRange", $"port {bind} is taken by listener '{other.Name}'");
                }

                if (j < i && other.Tunnel?.PortRange is { } theirs && theirs.Start <= range.End && range.Start <= theirs.End)
                {
                    errors.Add($"listeners[{i}].tunnel.portRange", $"overlaps the range of listener '{other.Name}'");
                }
            }
        }
    }

    public static void CheckCapacity(TunnelCapacityConfig? capacity, ErrorList errors)
    {
        if (capacity is null)
        {
            return;
        }

        errors.Range("capacity.tunnels.maxTunnels", capacity.MaxTunnels, 1, 100_000);
        CheckBits("capacity.tunnels.maxBandwidthBitsPerSecond", capacity.MaxBandwidthBitsPerSecond, errors);
        CheckBits("capacity.tunnels.totalBandwidthBitsPerSecond", capacity.TotalBandwidthBitsPerSecond, errors);
    }

    private static void CheckTenant(
        string path,
        TunnelListenerConfig tunnel,
        TunnelTenantConfig? tenant,
        HashSet<string> names,
        ErrorList errors
    )
    {
        if (tenant is null)
        {
            errors.Add(path, "is null");
            return;
        }

        errors.Label($"{path}.name", tenant.Name);
        if (!names.Add(tenant.Name))
        {
            errors.Add($"{path}.name", $"'{tenant.Name}' is taken by another tenant");
        }

        CheckFile($"{path}.tokenFile", tenant.TokenFile, errors);
        errors.Range($"{path}.maxTunnels", tenant.MaxTunnels, 0, 100_000);
        errors.Range($"{path}.maxConnections", tenant.MaxConnections, 0, 10_000_000);
        CheckBits($"{path}.bandwidthBitsPerSecond", tenant.BandwidthBitsPerSecond, errors);
        CheckRange($"{path}.portRange", tenant.PortRange, errors);
        if (tenant.PortRange is { } range && tunnel.PortRange is { } whole && (range.Start < whole.Start || range.End > whole.End))
        {
            errors.Add($"{path}.portRange", "must lie within the listener's");
        }
    }

    private static void CheckRange(string path, PortRangeConfig? range, ErrorList errors)
    {
        if (range is not null)
        {
            errors.Range($"{path}.start", range.Start, 1024, 65_535);
            errors.Range($"{path}.end", range.End, Math.Max(1024, range.Start), 65_535);
        }
    }

    private static void CheckBits(string path, long bits, ErrorList errors)
    {
        if (bits is not 0 and (< 8_000 or > MaxBits))
        {
            errors.Add(path, $"is {bits}; must be 0 or 8000 to {MaxBits}");
        }
    }

    private static void CheckFile(string path, string? file, ErrorList errors)
    {
        if (file is not null && (file.Length is 0 or > 4096 || file.Contains('\0', StringComparison.Ordinal)))
        {
            errors.Add(path, "must be the path of a file");
        }
    }

    private static void Absent(string path, object? value, ErrorList errors)
    {
        if (value is not null)
        {
            errors.Add(path, "must not be set when protocol is Tunnel");
        }
    }
}
