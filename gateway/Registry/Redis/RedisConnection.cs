using System.Net;
using StackExchange.Redis;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>Keeps a <see cref="RedisLink"/> to the right server, and keeps callers from waiting for one that is away.</summary>
/// <remarks>
/// Thread-safe. A link whose server misses two PINGs is thrown away, with all that it holds, and made anew: that is how a hang, a network that
/// swallows packets and a failover end. Sentinels are asked anew at each connect and every <see cref="SentinelInterval"/>.
/// </remarks>
internal sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>An answer that takes longer is none.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SentinelInterval = TimeSpan.FromSeconds(5);
    private const int PingsToMiss = 2;

    private readonly RedisSettings _settings;
    private readonly object[] _ping;
    private readonly RegistryCounters _counters;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _keeping;
    private RedisLink? _link;
    private string? _problem = "not connected yet";

    /// <param name="settings">How to reach it.</param>
    /// <param name="key">A key of those that are used: a cluster has its server.</param>
    /// <param name="counters">Told of each call.</param>
    /// <param name="time">The clock.</param>
    public RedisConnection(RedisSettings settings, RedisKey key, RegistryCounters counters, TimeProvider time)
    {
        _settings = settings;
        _ping = [RedisScript.Ping, 1, key];
        _counters = counters;
        _time = time;
        _keeping = Task.Run(KeepAsync);
    }

    /// <summary>Three failures in a row, and calls fail at once for a second.</summary>
    public CallBreaker Breaker { get; } = new(3, TimeSpan.FromSeconds(1));

    /// <summary>Why there is no connection; null while there is one.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    private long Now => _time.GetTimestamp() / (_time.TimestampFrequency / 1000);

    /// <summary>Runs a script, or fails within <see cref="Deadline"/>; then it may have run all the same.</summary>
    /// <exception cref="RegistryUnavailableException">It could not be run, or nobody knows.</exception>
    public async Task<RedisResult> RunAsync(string script, IReadOnlyList<RedisKey> keys, params IReadOnlyList<RedisValue> arguments)
    {
        if (!Breaker.TryEnter(Now))
        {
            _counters.CountRefusal();
            throw new RegistryUnavailableException(Problem ?? "Redis has failed several times; the next try is within a second");
        }

        var link = Volatile.Read(ref _link);
        var began = _time.GetTimestamp();
        try
        {
            if (link is null)
            {
                throw new RegistryUnavailableException(Problem ?? "not connected");
            }

            var result = await link.ExecuteAsync(
                "EVAL",
                [script, keys.Count, .. keys.Cast<object>(), .. arguments.Cast<object>()],
                Deadline
            );
            Breaker.Succeed();
            _counters.CountAnswer(_time.GetElapsedTime(began));
            return result;
        }
        catch (RegistryUnavailableException)
        {
            Fail();
            throw;
        }
        catch (RedisServerException e)
        {
            Fail();
            if (e.Message.StartsWith("READONLY", StringComparison.Ordinal) || e.Message.Contains("-READONLY", StringComparison.Ordinal))
            {
                // It was the master.
                Drop(link!, e.Message);
            }

            throw new RegistryUnavailableException(e.Message, e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        Interlocked.Exchange(ref _link, null)?.Dispose();
        _stop.Dispose();
    }

    private void Fail()
    {
        _counters.CountFailure();
        Breaker.Fail(Now);
    }

    private void Drop(RedisLink link, string why)
    {
        // Not of one that was replaced already: the link that there is now has no such problem.
        if (Interlocked.CompareExchange(ref _link, null, link) == link)
        {
            Volatile.Write(ref _problem, why);
            link.Dispose();
        }
    }

    private async Task KeepAsync()
    {
        var sentinels = _settings.SentinelMaster is null ? null : new SentinelResolver(_settings, _time);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var master = sentinels is null ? null : await sentinels.ResolveAsync(_stop.Token);
                var link = await RedisLink.ConnectAsync(
                    _settings,
                    master is null ? _settings.Addresses : [master],
                    ConnectTimeout,
                    _time,
                    _stop.Token
                );
                // One that connects may still refuse to work: a wrong password, a cluster that is down, data that is being loaded.
                await TryOutAsync(link);
                Volatile.Write(ref _link, link);
                Volatile.Write(ref _problem, null);
                Breaker.Succeed();
                _counters.CountConnect();
                await WatchAsync(link, sentinels, master);
            }
            catch (Exception e) when (e is IOException)
            {
                Volatile.Write(ref _problem, e.Message);
                await PauseAsync(RetryInterval);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task TryOutAsync(RedisLink link)
    {
        try
        {
            await link.ExecuteAsync("EVAL", _ping, Deadline);
        }
        catch (Exception e) when (e is IOException or RedisException)
        {
            link.Dispose();
            throw new RegistryUnavailableException(e.Message, e);
        }
    }

    /// <summary>Returns when the link is no good any more.</summary>
    private async Task WatchAsync(RedisLink link, SentinelResolver? sentinels, DnsEndPoint? master)
    {
        var missed = 0;
        var asked = _time.GetTimestamp();
        while (true)
        {
            await PauseAsync(PingInterval);
            if (_stop.IsCancellationRequested || Volatile.Read(ref _link) != link)
            {
                return;
            }

            try
            {
                await link.ExecuteAsync("EVAL", _ping, Deadline);
                missed = 0;
            }
            catch (Exception e) when (e is IOException or RedisException)
            {
                Breaker.Fail(Now);
                if (++missed >= PingsToMiss)
                {
                    Drop(link, e.Message);
                    return;
                }
            }

            if (sentinels is not null && _time.GetElapsedTime(asked) >= SentinelInterval)
            {
                asked = _time.GetTimestamp();
                if (await MovedAsync(sentinels, master!))
                {
                    Drop(link, "the Sentinels have made another server the master");
                    return;
                }
            }
        }
    }

    private async Task<bool> MovedAsync(SentinelResolver sentinels, DnsEndPoint master)
    {
        try
        {
            return !(await sentinels.ResolveAsync(_stop.Token)).Equals(master);
        }
        catch (IOException)
        {
            // Without Sentinels the server that answers is the best there is.
            return false;
        }
    }

    private async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The caller looks at the token.
        }
    }
}
