namespace Mooring.Gateway.Hub.Resp;

/// <summary>Keeps one connection to one server: connects, asks whether it is still there, and connects anew, later each time.</summary>
/// <remarks>Thread-safe. Waits double from <see cref="RespLimits.FirstRetry"/>, with jitter, so that a fleet does not come all at once.</remarks>
internal abstract class RespKeeper : IAsyncDisposable
{
    private readonly IRespLocator _locator;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private Task _keeping = Task.CompletedTask;
    private string? _problem = "not connected yet";
    private RespTransport? _transport;
    private RespEndpoint? _last;

    protected RespKeeper(IRespLocator locator, RespSettings settings, RespCounters counters, TimeProvider time)
    {
        _locator = locator;
        Settings = settings;
        Counters = counters;
        _time = time;
    }

    /// <summary>Why there is no connection; null while there is one.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>What the server of the present connection, or of the last, said of itself; null before the first.</summary>
    public RespServer? Server { get; private set; }

    protected RespSettings Settings { get; }

    protected RespCounters Counters { get; }

    protected TimeProvider Time => _time;

    /// <summary>What the server is to know before the connection is used.</summary>
    protected virtual IReadOnlyList<RespScript> Scripts => [];

    public void Start() => _keeping = Task.Run(KeepAsync);

    /// <summary>Ends the connection, if there is one, so that the next is made: the server was the wrong one.</summary>
    public void Drop(string why) => Volatile.Read(ref _transport)?.Abort(why);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _keeping;
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Uses a connection until it ends. It is the caller's to dispose of.</summary>
    protected abstract Task UseAsync(RespTransport transport);

    /// <summary>Asks the server for a sign of life.</summary>
    protected abstract void Ping(RespTransport transport);

    private async Task KeepAsync()
    {
        var failures = 0;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var endpoint = await _locator.LocateAsync(_stop.Token);
                await using var transport = await RespDialer.DialAsync(endpoint, Settings, Counters, _time, _stop.Token, Scripts);
                Note(endpoint, transport);
                var began = _time.GetTimestamp();
                var use = UseAsync(transport);
                Volatile.Write(ref _problem, null);
                await WatchAsync(transport, endpoint);
                Volatile.Write(ref _problem, await transport.Ended);
                await transport.DisposeAsync();
                await use;
                failures = _time.GetElapsedTime(began) > Settings.Limits.DeadAfter ? 0 : failures + 1;
            }
            catch (IOException e)
            {
                Counters.CountFailedConnect();
                Volatile.Write(ref _problem, e.Message);
                failures++;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }

            await PauseAsync(Wait(failures));
        }
    }

    private void Note(RespEndpoint endpoint, RespTransport transport)
    {
        if (_last is not null && _last != endpoint)
        {
            Counters.CountFailover();
        }

        _last = endpoint;
        Server = transport.Server;
        Volatile.Write(ref _transport, transport);
    }

    /// <summary>Returns when the connection has ended.</summary>
    private async Task WatchAsync(RespTransport transport, RespEndpoint endpoint)
    {
        var limits = Settings.Limits;
        var looked = _time.GetTimestamp();
        // Counted, for the silence alone may be this process's own: one that was stopped for a while has yet to read what came.
        var unanswered = 0;
        var asked = looked;
        var most = (int)Math.Ceiling(limits.DeadAfter / limits.PingAfter) - 1;
        while (!transport.Ended.IsCompleted)
        {
            if (_stop.IsCancellationRequested)
            {
                transport.Abort("closed");
                return;
            }

            await Task.WhenAny(transport.Ended, PauseAsync(limits.PingAfter));
            unanswered = transport.LastReceived >= asked ? 0 : unanswered;
            if (transport.Silence >= limits.DeadAfter && unanswered >= most)
            {
                transport.Abort($"no answer for {limits.DeadAfter.TotalSeconds:0.#} s");
            }
            else if (transport.Silence >= limits.PingAfter / 2)
            {
                unanswered++;
                asked = _time.GetTimestamp();
                Ping(transport);
            }

            if (_time.GetElapsedTime(looked) >= _locator.Interval && !transport.Ended.IsCompleted)
            {
                looked = _time.GetTimestamp();
                if (!await _locator.IsStillAsync(endpoint, _stop.Token))
                {
                    transport.Abort("another server is the master now");
                }
            }
        }
    }

    private TimeSpan Wait(int failures)
    {
        var limits = Settings.Limits;
        var bound = limits.FirstRetry * (1 << Math.Clamp(failures - 1, 0, 10));
        bound = bound < limits.LongestRetry ? bound : limits.LongestRetry;
        return bound * (0.5 + (Random.Shared.NextDouble() / 2));
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
