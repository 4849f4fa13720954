using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;

namespace Mooring.Gateway.Backends;

/// <summary>Turns names into endpoints with IP addresses, by DNS. Never called by a loop.</summary>
/// <param name="lookUp">Asks DNS; throws <see cref="SocketException"/> where there is no such name.</param>
internal sealed class EndpointResolver(Func<string, CancellationToken, Task<IPAddress[]>> lookUp)
{
    /// <summary>Names are asked anew this often; the system's resolver gives no time to live.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Endpoints of one backend at most, in a push and in a report.</summary>
    public const int MaxEndpoints = 10_000;

    /// <summary>Names whose last answer is kept at most.</summary>
    private const int MaxNames = 10_000;

    private readonly ConcurrentDictionary<string, IPAddress[]> _answers = new(StringComparer.OrdinalIgnoreCase);

    public static EndpointResolver System { get; } = new(static (name, cancel) => Dns.GetHostAddressesAsync(name, cancel));

    /// <summary>The endpoints that need no DNS; null when some do.</summary>
    public static IReadOnlyList<ResolvedEndpoint>? WithoutDns(BackendSnapshot backend)
    {
        if (backend.Source == EndpointSource.Pushed)
        {
            return backend.DnsName is null ? [] : null;
        }

        var result = new List<ResolvedEndpoint>(backend.Addresses.Count);
        foreach (var address in backend.Addresses)
        {
            if (!IPAddress.TryParse(address.Host, out var ip))
            {
                return null;
            }

            result.Add(new ResolvedEndpoint(address.Text, ip, address.Port, address.Weight, Draining: false, address.Backup));
        }

        return result;
    }

    /// <summary>
    /// The endpoints of a config. A name that there is not is left out, and of one that DNS has no word on now its last answer holds; null when none could be
    /// resolved, so that what is known stays.
    /// </summary>
    public async Task<IReadOnlyList<ResolvedEndpoint>?> ResolveAsync(BackendSnapshot backend, CancellationToken cancel)
    {
        if (WithoutDns(backend) is { } known)
        {
            return known;
        }

        var result = new List<ResolvedEndpoint>();
        var wanted =
            backend.Source == EndpointSource.Pushed
                ? [new StaticAddress($"{backend.DnsName}:{backend.DnsPort}", backend.DnsName!, backend.DnsPort, 1)]
                : backend.Addresses;
        foreach (var address in wanted)
        {
            var found = await LookUpAsync(address.Host, cancel);
            // One endpoint keeps the configured text as its id; several are told apart by their address.
            result.AddRange(
                found.Select(ip => new ResolvedEndpoint(
                    found.Length == 1 && backend.Source == EndpointSource.Static
                        ? address.Text
                        : new IPEndPoint(ip, address.Port).ToString(),
                    ip,
                    address.Port,
                    address.Weight,
                    Draining: false,
                    address.Backup
                ))
            );
        }

        return result.Count == 0 ? null : [.. result.DistinctBy(endpoint => endpoint.Id)];
    }

    /// <summary>The endpoints of a push, the first of each id; what is out of range or whose host name is not known is left out.</summary>
    public async Task<IReadOnlyList<ResolvedEndpoint>> ResolveAsync(IReadOnlyList<EndpointInfo> endpoints, CancellationToken cancel)
    {
        var result = new List<ResolvedEndpoint>(endpoints.Count);
        foreach (var endpoint in endpoints.Where(IsUsable).DistinctBy(endpoint => endpoint.Id).Take(MaxEndpoints))
        {
            var found = IPAddress.TryParse(endpoint.Address, out var ip) ? [ip] : await LookUpAsync(endpoint.Address, cancel);
            if (found.Length > 0)
            {
                result.Add(new ResolvedEndpoint(endpoint.Id, found[0], endpoint.Port, endpoint.Weight, endpoint.Draining, Named: true));
            }
        }

        return result;
    }

    /// <summary>Nothing that a peer sends may break the sets: ids are their keys, and weights bound the policies' work.</summary>
    private static bool IsUsable(EndpointInfo? endpoint) =>
        endpoint is { Id.Length: > 0 and <= 253, Address.Length: > 0 and <= 253, Port: >= 1 and <= 65_535, Weight: >= 1 and <= 256 };

    private async Task<IPAddress[]> LookUpAsync(string name, CancellationToken cancel)
    {
        if (IPAddress.TryParse(name, out var ip))
        {
            return [ip];
        }

        try
        {
            var found = await lookUp(name, cancel);
            // Sorted: resolvers rotate their answers, which would otherwise look like a change.
            IPAddress[] sorted = [.. found.OrderBy(address => address.ToString(), StringComparer.Ordinal)];
            if (_answers.Count < MaxNames || _answers.ContainsKey(name))
            {
                _answers[name] = sorted;
            }

            return sorted;
        }
        catch (SocketException e) when (e.SocketErrorCode is not (SocketError.HostNotFound or SocketError.NoData))
        {
            // DNS itself does not answer, perhaps in the middle of a backend's names: that is no reason to let some of them go.
            return _answers.GetValueOrDefault(name) ?? [];
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            // The latter: a name that DNS cannot carry, such as one of more than 255 bytes.
            _answers.TryRemove(name, out _);
            return [];
        }
    }
}
