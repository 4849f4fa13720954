using System.Globalization;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>Says which server to connect to. Not thread-safe: each keeper has its own.</summary>
internal interface IRespLocator
{
    /// <summary>How often <see cref="IsStillAsync"/> is to be asked.</summary>
    TimeSpan Interval { get; }

    /// <exception cref="IOException">There is none at present; says why.</exception>
    Task<RespEndpoint> LocateAsync(CancellationToken cancellation);

    /// <summary>False: another has taken its place.</summary>
    Task<bool> IsStillAsync(RespEndpoint endpoint, CancellationToken cancellation);
}

/// <summary>Just this one.</summary>
internal sealed class FixedLocator(RespEndpoint endpoint) : IRespLocator
{
    public TimeSpan Interval => TimeSpan.MaxValue;

    public Task<RespEndpoint> LocateAsync(CancellationToken cancellation) => Task.FromResult(endpoint);

    public Task<bool> IsStillAsync(RespEndpoint endpoint, CancellationToken cancellation) => Task.FromResult(true);
}

/// <summary>Of a server and its replicas, the one that says that it is the master.</summary>
internal sealed class MasterLocator(RespSettings settings, RespCounters counters, TimeProvider time) : IRespLocator
{
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(5);

    public async Task<RespEndpoint> LocateAsync(CancellationToken cancellation)
    {
        var reasons = new List<string>();
        foreach (var address in settings.Addresses)
        {
            try
            {
                await using var transport = await RespDialer.DialAsync(address, settings, counters, time, cancellation);
                if (transport.Server.Role is "master" or "")
                {
                    return address;
                }

                reasons.Add($"{address} is a {transport.Server.Role}");
            }
            catch (IOException e)
            {
                reasons.Add(e.Message);
            }
        }

        throw new IOException($"no master: {string.Join("; ", reasons)}");
    }

    public async Task<bool> IsStillAsync(RespEndpoint endpoint, CancellationToken cancellation)
    {
        try
        {
            return settings.Addresses.Count == 1 || await LocateAsync(cancellation) == endpoint;
        }
        catch (IOException)
        {
            // What there is, is the best there is.
            return true;
        }
    }
}

/// <summary>The master that Sentinels name, if it says itself that it is one: https://redis.io/docs/latest/develop/reference/sentinel-clients/.</summary>
internal sealed class SentinelLocator(RespSettings settings, RespCounters counters, TimeProvider time) : IRespLocator
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);
    private int _first;

    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    public async Task<RespEndpoint> LocateAsync(CancellationToken cancellation)
    {
        var reasons = new List<string>();
        for (var i = 0; i < settings.Addresses.Count; i++)
        {
            var index = (_first + i) % settings.Addresses.Count;
            try
            {
                var master = await AskAsync(settings.Addresses[index], cancellation);
                // A Sentinel may be behind: one that was the master says so of itself no more.
                await using var transport = await RespDialer.DialAsync(master, settings, counters, time, cancellation);
                if (transport.Server.Role is not ("master" or ""))
                {
                    throw new IOException($"{master} says that it is a {transport.Server.Role}");
                }

                // The one that answered is asked first the next time.
                _first = index;
                return master;
            }
            catch (IOException e)
            {
                reasons.Add(e.Message);
            }
        }

        throw new IOException($"no Sentinel knows the master '{settings.SentinelMaster}': {string.Join("; ", reasons)}");
    }

    public async Task<bool> IsStillAsync(RespEndpoint endpoint, CancellationToken cancellation)
    {
        try
        {
            return await LocateAsync(cancellation) == endpoint;
        }
        catch (IOException)
        {
            // Without Sentinels the server that answers is the best there is.
            return true;
        }
    }

    private async Task<RespEndpoint> AskAsync(RespEndpoint sentinel, CancellationToken cancellation)
    {
        await using var transport = await RespDialer.DialAsync(sentinel, settings, counters, time, cancellation);
        using var pipeline = new RespPipeline(transport, settings.Limits, counters, time);
        transport.Start(pipeline);
        var answer = await pipeline.CallAsync(RespCommand.Of("SENTINEL", "get-master-addr-by-name", settings.SentinelMaster!), Deadline);
        if (answer.IsError || answer.IsNull || answer.Items is not [var host, var number])
        {
            throw new IOException($"{sentinel}: {(answer.IsError ? answer.Text : "knows no such master")}");
        }

        return
            host.Text is { Length: > 0 and <= 253 } name
            && int.TryParse(number.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is >= 1 and <= 65_535
            ? new RespEndpoint(name, port)
            : throw new IOException($"{sentinel}: the master's address is none");
    }
}
