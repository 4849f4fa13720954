namespace Mooring.Gateway.Hub.Resp;

/// <summary>Calls to Redis, be it one server, one that Sentinels watch over, or a cluster. Thread-safe.</summary>
/// <remarks>Nothing waits for a connection: while there is none, calls fail at once. None is made twice, except where the server said that it did not do it.</remarks>
internal sealed class RespClient : IAsyncDisposable
{
    private const int MaxRedirects = 5;

    private readonly RespCaller? _single;
    private readonly RespCluster? _cluster;
    private readonly RespCounters _counters;

    /// <summary>Begins to connect.</summary>
    /// <param name="settings">Where and how.</param>
    /// <param name="counters">Told of everything.</param>
    /// <param name="time">The clock.</param>
    /// <param name="moved">Called when calls may go to another server than before: a cluster's slots have moved, or another is at the address.</param>
    public RespClient(RespSettings settings, RespCounters counters, TimeProvider time, Action? moved = null)
    {
        Settings = settings;
        _counters = counters;
        if (settings.Cluster)
        {
            _cluster = new RespCluster(settings, counters, time, moved ?? (static () => { }));
        }
        else
        {
            _single = new RespCaller(Locator(settings, counters, time), settings, counters, time, moved);
            _single.Start();
        }
    }

    public RespSettings Settings { get; }

    /// <summary>Why it cannot be used; null: it can.</summary>
    public string? Problem => _single is null ? _cluster!.Problem : _single.Problem;

    /// <summary>Calls that wait for an answer.</summary>
    public int InFlight => _single?.InFlight ?? _cluster!.InFlight;

    /// <summary>Bytes that wait to be sent.</summary>
    public int Unsent => _single?.Unsent ?? _cluster!.Unsent;

    /// <summary>Who was connected to last for calls; null: nobody yet, or a cluster.</summary>
    public RespServer? Server => _single?.Server;

    /// <summary>Null: no cluster.</summary>
    public RespCluster? Cluster => _cluster;

    /// <summary>Whether messages for a slot's subscribers go by SPUBLISH.</summary>
    public bool UsesShardedChannels(int slot) => _cluster?.Find(slot)?.Caller.Server?.HasShardedChannels == true;

    public static IRespLocator Locator(RespSettings settings, RespCounters counters, TimeProvider time) =>
        settings.SentinelMaster is not null ? new SentinelLocator(settings, counters, time)
        : settings.Addresses.Count > 1 ? new MasterLocator(settings, counters, time)
        : new FixedLocator(settings.Addresses[0]);

    /// <summary>The reply, never an error.</summary>
    /// <exception cref="RespUnavailableException">Not sent, or nobody knows.</exception>
    /// <exception cref="RespServerException">The server's own error.</exception>
    public async Task<RespValue> CallAsync(RespCommand command, TimeSpan deadline)
    {
        var reply = _single is { } single ? await single.CallAsync(command, deadline) : await RouteAsync(command, deadline);
        if (!reply.IsError)
        {
            return reply;
        }

        var error = new RespServerException(reply.Text!);
        if (error.Code == "READONLY")
        {
            _single?.Drop("the server is no master any more");
        }

        // Not there for a moment, rather than an answer: it has not been done.
        throw error.Code is "READONLY" or "LOADING" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "BUSY" or "MOVED" or "ASK"
            ? new RespUnavailableException(error.Message, mayHaveRun: false, error)
            : error;
    }

    /// <summary>As <see cref="CallAsync"/>, a script.</summary>
    public async Task<RespValue> RunAsync(RespScript script, string[] keys, RespArgument[] arguments, TimeSpan deadline)
    {
        try
        {
            return await CallAsync(script.Call(keys, arguments, whole: false), deadline);
        }
        catch (RespServerException e) when (e.Code == "NOSCRIPT")
        {
            return await CallAsync(script.Call(keys, arguments, whole: true), deadline);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_single is not null)
        {
            await _single.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    private async Task<RespValue> RouteAsync(RespCommand command, TimeSpan deadline)
    {
        if (_cluster!.Find(command.Slot) is not { } node)
        {
            _cluster.Doubt();
            _counters.CountRefusal();
            throw new RespUnavailableException(_cluster.Problem ?? $"no node has slot {command.Slot}", mayHaveRun: false);
        }

        RespCommand? before = null;
        for (var i = 0; ; i++)
        {
            RespValue reply;
            try
            {
                reply = await node.Caller.CallAsync(command, deadline, before);
            }
            catch (RespUnavailableException)
            {
                _cluster.Doubt();
                throw;
            }

            if (!reply.IsError || i == MaxRedirects || ClusterMap.Redirect(reply.Text!, node.Endpoint) is not { } redirect)
            {
                return reply;
            }

            _counters.CountRedirect();
            if (!redirect.Ask)
            {
                _cluster.Doubt();
            }

            if (_cluster.Node(redirect.Target) is not { } caller)
            {
                return reply;
            }

            before = redirect.Ask ? RespCommand.Asking : null;
            node = (redirect.Target, caller);
        }
    }
}
