using System.Globalization;
using System.Net;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>Finds the master by its Sentinels, as https://redis.io/docs/latest/develop/reference/sentinel-clients/ asks clients to.</summary>
/// <remarks>Not thread-safe. Version 1.2.6 of the client library does not do it.</remarks>
internal sealed class SentinelResolver(RedisSettings settings, TimeProvider time)
{
    private static readonly TimeSpan EachTimeout = TimeSpan.FromSeconds(1);
    private int _first;

    /// <summary>The master's address: of the first Sentinel that answers, if the server there says itself that it is one.</summary>
    /// <exception cref="RegistryUnavailableException">No Sentinel knows one; has each one's reason.</exception>
    public async Task<DnsEndPoint> ResolveAsync(CancellationToken cancellation)
    {
        var reasons = new List<string>();
        var password = await settings.ReadPasswordAsync(cancellation);
        for (var i = 0; i < settings.Addresses.Count; i++)
        {
            var index = (_first + i) % settings.Addresses.Count;
            var sentinel = settings.Addresses[index];
            try
            {
                var master = await MasterAsync(sentinel, password, cancellation);
                // The one that answered is asked first the next time.
                _first = index;
                return master;
            }
            catch (IOException e)
            {
                reasons.Add($"{sentinel.Host}:{sentinel.Port}: {e.Message}");
            }
        }

        throw new RegistryUnavailableException($"no Sentinel knows the master '{settings.SentinelMaster}': {string.Join("; ", reasons)}");
    }

    private async Task<DnsEndPoint> MasterAsync(DnsEndPoint sentinel, string? password, CancellationToken cancellation)
    {
        var answer = await AskAsync(sentinel, password, ["SENTINEL", "get-master-addr-by-name", settings.SentinelMaster!], cancellation);
        if (answer is not [{ Length: > 0 and <= 253 } host, { } number])
        {
            throw new IOException("knows no such master");
        }

        if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65_535)
        {
            throw new IOException("the master's port is no port");
        }

        var master = new DnsEndPoint(host, port);
        // A Sentinel may be behind: one that was the master says so of itself no more.
        var role = await AskAsync(master, password, ["ROLE"], cancellation);
        return role is ["master", ..] ? master : throw new IOException($"{host}:{port} says that it is no master");
    }

    private async Task<IReadOnlyList<string?>> AskAsync(
        DnsEndPoint address,
        string? password,
        IReadOnlyList<string> command,
        CancellationToken cancellation
    )
    {
        using var deadline = new CancellationTokenSource(EachTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        try
        {
            return await RespProbe.AskAsync(address, settings.Tls, password, command, either.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException($"{address.Host}:{address.Port} does not answer within {EachTimeout.TotalSeconds:0} s", e);
        }
    }
}
