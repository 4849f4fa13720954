using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Configuration;

/// <summary>The backends' part of <see cref="ConfigCompiler"/>. Pure.</summary>
internal static class BackendCompiler
{
    private const int MaxAddresses = 64;

    public static IReadOnlyList<BackendSnapshot> Compile(IReadOnlyList<BackendConfig> backends, ErrorList errors)
    {
        if (backends.Count > ConfigCompiler.MaxBackends)
        {
            errors.Add("backends", $"has {backends.Count} items; must have at most {ConfigCompiler.MaxBackends}");
            return [];
        }

        var names = new HashSet<string>();
        var result = new List<BackendSnapshot>(backends.Count);
        for (var i = 0; i < backends.Count; i++)
        {
            var path = $"backends[{i}]";
            var backend = backends[i];
            errors.Label($"{path}.name", backend.Name);
            if (!names.Add(backend.Name))
            {
                errors.Add($"{path}.name", $"'{backend.Name}' is taken by another backend");
            }

            errors.Range($"{path}.maxConnectionsPerEndpoint", backend.MaxConnectionsPerEndpoint, 0, 10_000_000);
            errors.Range($"{path}.connectTimeout", backend.ConnectTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
            errors.Range($"{path}.passiveHealth.maxFails", backend.PassiveHealth.MaxFails, 0, 1_000);
            errors.Range($"{path}.passiveHealth.failTimeout", backend.PassiveHealth.FailTimeout, TimeSpan.Zero, TimeSpan.FromHours(24));
            TlsCompiler.Check(path, backend.Tls, errors);
            result.Add(
                new BackendSnapshot
                {
                    Name = backend.Name,
                    Source = backend.Source,
                    Addresses = CompileSource(path, backend, errors),
                    DnsName = backend.DnsName,
                    DnsPort = backend.DnsPort,
                    MaxConnectionsPerEndpoint = backend.MaxConnectionsPerEndpoint,
                    ConnectTicks = TimerWheel.Ticks(Shortest(backend.ConnectTimeout, backend.CircuitBreaker?.Timeout)),
                    MaxFails = backend.PassiveHealth.MaxFails,
                    FailTimeoutMicroseconds = (long)backend.PassiveHealth.FailTimeout.TotalMicroseconds,
                    ProxyOut = ProxyOutSnapshot.Compile($"{path}.proxyProtocol", backend.ProxyProtocol, errors),
                    Features = BackendFeatureCompiler.Compile(path, backend, errors),
                    Tls = backend.Tls,
                }
            );
        }

        BackendFeatureCompiler.CheckBackups(backends, errors);

        return result;
    }

    private static TimeSpan Shortest(TimeSpan one, TimeSpan? other) => other is { } value && value < one ? value : one;

    /// <summary>As <see cref="HostPort.TryParse"/>; null, and why not, on any other form.</summary>
    public static StaticAddress? ParseAddress(string text, int weight, out string? error) =>
        HostPort.TryParse(text, out var host, out var port, out error) ? new StaticAddress(text, host, port, weight) : null;

    private static IReadOnlyList<StaticAddress> CompileSource(string path, BackendConfig backend, ErrorList errors)
    {
        if (backend.Source == EndpointSource.Pushed)
        {
            if (backend.Addresses.Count > 0)
            {
                errors.Add($"{path}.addresses", "must be empty when source is Pushed");
            }

            if (backend.DnsName is not null)
            {
                if (Uri.CheckHostName(backend.DnsName) is UriHostNameType.Unknown)
                {
                    errors.Add($"{path}.dnsName", $"'{backend.DnsName}' is not a host name");
                }

                errors.Range($"{path}.dnsPort", backend.DnsPort, 1, 65_535);
            }

            return [];
        }

        if (backend.Addresses.Count is 0 or > MaxAddresses)
        {
            errors.Add($"{path}.addresses", $"has {backend.Addresses.Count} items; must have 1 to {MaxAddresses} when source is Static");
            return [];
        }

        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var result = new List<StaticAddress>(backend.Addresses.Count);
        for (var i = 0; i < backend.Addresses.Count; i++)
        {
            var address = backend.Addresses[i];
            errors.Range($"{path}.addresses[{i}].weight", address.Weight, 1, 256);
            if (!seen.Add(address.Address))
            {
                errors.Add($"{path}.addresses[{i}].address", $"'{address.Address}' is there twice");
            }
            else if (ParseAddress(address.Address, address.Weight, out var error) is { } parsed)
            {
                result.Add(parsed with { Backup = address.Backup });
            }
            else
            {
                errors.Add($"{path}.addresses[{i}].address", error!);
            }
        }

        return result;
    }
}
