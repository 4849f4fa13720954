namespace Mooring.Gateway.Hub.Resp;

/// <summary>Nodes of a Redis Cluster: one connection for calls to each, and who has which slot.</summary>
/// <remarks>Thread-safe. The map is read anew when a node says that a slot has moved or does not answer, at most every 100 ms, and every 15 s.</remarks>
internal sealed class RespCluster : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<RespEndpoint, RespCaller> _nodes = [];
    private readonly RespSettings _settings;
    private readonly RespCounters _counters;
    private readonly TimeProvider _time;
    private readonly Action _changed;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _now = new(0);
    private readonly Task _refreshing;
    private ClusterMap _map = ClusterMap.Empty;
    private string? _problem = "not connected yet";

    /// <param name="changed">Called after each new map, by one thread at a time.</param>
    public RespCluster(RespSettings settings, RespCounters counters, TimeProvider time, Action changed)
    {
        _settings = settings;
        _counters = counters;
        _time = time;
        _changed = changed;
        foreach (var seed in settings.Addresses)
        {
            Node(seed);
        }

        _refreshing = Task.Run(RefreshAsync);
    }

    public ClusterMap Map => Volatile.Read(ref _map);

    /// <summary>Why it cannot be used; null: it can, or parts of it.</summary>
    public string? Problem =>
        Volatile.Read(ref _problem)
        ?? Nodes()
            .Where(node => Map.Masters.Contains(node.Key))
            .Select(node => node.Value.Problem)
            .FirstOrDefault(problem => problem is not null);

    public int InFlight => Nodes().Sum(node => node.Value.InFlight);

    public int Unsent => Nodes().Sum(node => node.Value.Unsent);

    /// <summary>The node with a slot; of slot -1, any that answers. Null: nobody has it.</summary>
    public (RespEndpoint Endpoint, RespCaller Caller)? Find(int slot)
    {
        var endpoint = slot >= 0 ? Map[slot] : Nodes().FirstOrDefault(node => node.Value.Problem is null).Key;
        return endpoint is not null && Node(endpoint) is { } caller ? (endpoint, caller) : null;
    }

    /// <summary>The node's connection, made where there is none; null: there are too many nodes.</summary>
    public RespCaller? Node(RespEndpoint endpoint)
    {
        lock (_gate)
        {
            if (_nodes.TryGetValue(endpoint, out var caller))
            {
                return caller;
            }

            if (_nodes.Count >= 2 * ClusterMap.MaxNodes || _stop.IsCancellationRequested)
            {
                return null;
            }

            caller = new RespCaller(new FixedLocator(endpoint), _settings, _counters, _time);
            _nodes[endpoint] = caller;
            caller.Start();
            return caller;
        }
    }

    /// <summary>The map is not right any more.</summary>
    public void Doubt()
    {
        if (_now.CurrentCount == 0)
        {
            _now.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _refreshing;
        foreach (var (_, caller) in Nodes())
        {
            await caller.DisposeAsync();
        }

        _now.Dispose();
        _stop.Dispose();
    }

    private List<KeyValuePair<RespEndpoint, RespCaller>> Nodes()
    {
        lock (_gate)
        {
            return [.. _nodes];
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            while (true)
            {
                await AskAsync();
                await Task.Delay(ShortestInterval, _time, _stop.Token);
                using var wait = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                wait.CancelAfter(Problem is null ? Interval : ShortestInterval);
                try
                {
                    await _now.WaitAsync(wait.Token);
                }
                catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
                {
                    // Time for the next look.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed of.
        }
    }

    private async Task AskAsync()
    {
        var reason = "no node of the cluster answers";
        // One that is connected first.
        foreach (var (endpoint, caller) in Nodes().OrderBy(node => node.Value.Problem is null ? 0 : 1))
        {
            try
            {
                var reply = await caller.CallAsync(RespCommand.Of("CLUSTER", "SLOTS"), Deadline);
                if (reply.IsError)
                {
                    throw new RespServerException(reply.Text!);
                }

                var map = ClusterMap.Parse(reply, endpoint);
                if (map.Masters.Count == 0)
                {
                    throw new RespShapeException("no slot has a node");
                }

                await UseAsync(map);
                return;
            }
            catch (RespException e)
            {
                reason = $"{endpoint}: {e.Message}";
            }
        }

        Volatile.Write(ref _problem, reason);
    }

    private async Task UseAsync(ClusterMap map)
    {
        Volatile.Write(ref _map, map);
        Volatile.Write(ref _problem, null);
        foreach (var master in map.Masters)
        {
            Node(master);
        }

        // Those given at the start stay: they are asked again when all others are gone.
        foreach (var (endpoint, caller) in Nodes())
        {
            if (!map.Masters.Contains(endpoint) && !_settings.Addresses.Contains(endpoint))
            {
                lock (_gate)
                {
                    _nodes.Remove(endpoint);
                }

                await caller.DisposeAsync();
            }
        }

        _changed();
    }
}
