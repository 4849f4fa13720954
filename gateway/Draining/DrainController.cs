using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Draining;

/// <summary>Carries out on the engine what <see cref="DrainPlanner"/> decides.</summary>
/// <remarks>Thread-safe but for <see cref="RunAsync"/>, which is called once.</remarks>
/// <param name="engine">Whose connections these are.</param>
/// <param name="shared">
/// The listening sockets are handed over, and other processes accept from the same queues: then nothing is refused, what waits is left to the
/// others, and there is no lame-duck time, for no load balancer has to notice.
/// </param>
/// <param name="log">Gets an event for each change of state.</param>
/// <param name="time">The clock.</param>
/// <param name="probes">Keepalive of raw connections while this drains; null: <see cref="Probes"/>.</param>
internal sealed class DrainController(GatewayEngine engine, bool shared, GatewayLog log, TimeProvider time, KeepAliveOptions? probes = null)
    : IDisposable
{
    /// <summary>A peer who is gone without a word is found after 25 s.</summary>
    public static readonly KeepAliveOptions Probes = new(IdleSeconds: 10, IntervalSeconds: 5, Probes: 3);

    private static readonly TimeSpan ClosingInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan WaitingInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ListInterval = TimeSpan.FromSeconds(1);

    // While nothing is to be done: connections of a listener that is gone may come from another process too.
    private static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(10);

    // After the deadline, for the answers to the last close frames.
    private static readonly TimeSpan LastGrace = TimeSpan.FromSeconds(5);
    private static readonly DrainDecision Serving = new(GatewayState.Serving, true, true, 0, false);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _wake = new(0);
    private readonly long _origin = time.GetTimestamp();
    private readonly DrainPlanner _planner = new(new DrainConfig(), Random.Shared);
    private readonly GoneListeners _goneListeners = new();
    private readonly Queue<OpenConnection> _gone = new();
    private readonly Queue<OpenConnection> _closable = new();
    private readonly HashSet<(int Descriptor, long Started)> _told = [];
    private readonly HalfOpenSearch _halfOpen = new(engine, probes ?? Probes);
    private readonly FaultGuard _guard = new("drain", time);
    private DrainConfig _config = new();
    private DrainDecision _decision = Serving;

    // What the engine and whoever listens were told: behind the decision where that failed.
    private volatile bool _accepts = Serving.AcceptNew;
    private GatewayState _state = Serving.State;
    private bool _shared = shared;

    // Nobody is waited for to notice.
    private bool _atOnce;
    private TimeSpan? _closingAll;
    private TimeSpan _listed = TimeSpan.MinValue;
    private int _cutOff;

    /// <summary>Says whether connections are about to be handed over, so that closing them can wait; null: nobody hands over.</summary>
    public Func<bool>? HoldsCloses { get; set; }

    /// <summary>Told of each change of state, between two steps; null: nobody is.</summary>
    public Action<GatewayState>? StateChanged { get; set; }

    /// <summary>What is in force.</summary>
    public DrainDecision Decision
    {
        get
        {
            lock (_gate)
            {
                return _decision;
            }
        }
    }

    /// <summary>Closes per second in force; 0 while none are closed.</summary>
    public double Pace
    {
        get
        {
            lock (_gate)
            {
                return _planner.Pace;
            }
        }
    }

    /// <summary>Fence of the directive in force, why, and when what is left is closed.</summary>
    public (long Epoch, long Sequence, string Reason, DateTimeOffset? Deadline) Status
    {
        get
        {
            lock (_gate)
            {
                var (epoch, sequence) = _planner.Fence;
                return (epoch, sequence, _planner.Reason, _planner.Deadline is { } deadline ? time.GetUtcNow() + (deadline - Now) : null);
            }
        }
    }

    /// <summary>Connections that a deadline cut off, WebSockets among them that were told so.</summary>
    public int CutOff => Volatile.Read(ref _cutOff);

    private TimeSpan Now => time.GetElapsedTime(_origin);

    /// <summary>A new config is in force.</summary>
    public void Configure(DrainConfig config)
    {
        lock (_gate)
        {
            _config = _shared || _atOnce ? config with { LameDuck = TimeSpan.Zero } : config;
            _planner.Configure(_config);
        }

        _wake.Release();
    }

    public DirectiveOutcome Apply(DirectiveMessage directive)
    {
        DirectiveOutcome outcome;
        lock (_gate)
        {
            outcome = _planner.Apply(directive, Now, time.GetUtcNow());
        }

        if (outcome != DirectiveOutcome.Repeated)
        {
            log.Event(
                outcome == DirectiveOutcome.Accepted ? "directive_accepted" : "directive_rejected",
                ("kind", directive.Kind),
                ("epoch", directive.Epoch),
                ("sequence", directive.Sequence),
                ("why", directive.Reason),
                ("outcome", outcome)
            );
        }

        _wake.Release();
        return outcome;
    }

    /// <summary>Has the engine accept, which waited for something else, unless the drain says otherwise.</summary>
    public async Task AcceptAsync()
    {
        if (Decision.AcceptNew)
        {
            await engine.SetModeAsync(AcceptMode.Accept);
            // It may say so by now: the next step sees the difference.
            _accepts = true;
        }
    }

    /// <summary>Another process accepts from the same queues from now on: see <c>shared</c>.</summary>
    public void Share()
    {
        lock (_gate)
        {
            _shared = true;
        }
    }

    /// <summary>The process is to end.</summary>
    /// <param name="lameDuck">False: nobody who would have to notice sends connections here, as when a person stopped it at a terminal.</param>
    public void Terminate(bool lameDuck)
    {
        lock (_gate)
        {
            if (!lameDuck)
            {
                _atOnce = true;
                _config = _config with { LameDuck = TimeSpan.Zero };
                _planner.Configure(_config);
            }

            _planner.Terminate(Now);
        }

        _wake.Release();
    }

    /// <summary>Runs until cancelled or, once <see cref="Terminate"/> was called, until nothing is left. A step that fails is said and done again: the process ending would drop everybody.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            await _guard.RunAsync(StepAsync);
            bool idle;
            TimeSpan interval;
            lock (_gate)
            {
                interval = _planner.Pace > 0 || _decision.State == GatewayState.Draining ? ClosingInterval : WaitingInterval;
                if (_planner.IsTerminating && _decision.State == GatewayState.Drained)
                {
                    return;
                }

                idle = _planner.IsIdle;
            }

            try
            {
                await (idle ? _wake.WaitAsync(IdleInterval, cancellation) : Task.Delay(interval, time, cancellation));
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose() => _wake.Dispose();

    private async Task StepAsync()
    {
        var before = Decision;
        lock (_gate)
        {
            _goneListeners.Update(engine.GoneListeners(), Now, _config.Deadline);
            _planner.Clears = _goneListeners.Any;
        }

        await ListAsync(before);
        DrainDecision decision;
        string reason;
        lock (_gate)
        {
            var gone = HoldsCloses?.Invoke() == true ? 0 : _gone.Count;
            var closable = HoldsCloses?.Invoke() == true ? 0 : _gone.Count + _closable.Count;
            decision = _planner.Step(Now, new DrainCounts(engine.Connections, closable, _told.Count, gone));
            reason = _planner.Reason;
            _decision = decision;
        }

        if (decision.State != GatewayState.Draining)
        {
            _halfOpen.Stop();
        }

        if (decision.AcceptNew != _accepts)
        {
            var stopped = _shared ? AcceptMode.Pause : AcceptMode.Refuse;
            await engine.SetModeAsync(decision.AcceptNew ? AcceptMode.Accept : stopped);
            _accepts = decision.AcceptNew;
        }

        if (decision.State != _state)
        {
            _state = decision.State;
            log.Event("state", ("state", decision.State), ("reason", reason), ("connections", engine.Connections));
            StateChanged?.Invoke(decision.State);
        }

        if (decision.CloseAll)
        {
            _closingAll ??= Now;
            await CloseAllAsync(Now - _closingAll > LastGrace);
        }
        else if (decision.CloseNow > 0 && HoldsCloses?.Invoke() != true)
        {
            await CloseAsync(decision.CloseNow);
            lock (_gate)
            {
                _planner.Sent(Now);
            }
        }

        _closingAll = decision.CloseAll ? _closingAll : null;
    }

    /// <summary>Brings up to date which connections there are, once a second at most: a list of all is not for free.</summary>
    private async Task ListAsync(DrainDecision decision)
    {
        var now = Now;
        bool idle;
        lock (_gate)
        {
            idle = _planner.IsIdle || (decision is { State: GatewayState.Cordoned } && !_planner.Clears);
        }

        if (idle)
        {
            _gone.Clear();
            return;
        }

        if (_listed != TimeSpan.MinValue && now - _listed < ListInterval)
        {
            return;
        }

        _listed = now;
        var open = await engine.ListConnectionsAsync();
        _told.IntersectWith(open.Select(Key));
        _gone.Clear();
        _closable.Clear();
        foreach (var connection in open.Where(connection => connection.IsWebSocket && !_told.Contains(Key(connection))))
        {
            (_goneListeners.Has(connection) ? _gone : _closable).Enqueue(connection);
        }

        // What is about to be handed over goes on elsewhere.
        if (decision.State == GatewayState.Draining && HoldsCloses?.Invoke() != true)
        {
            _halfOpen.Search(open);
        }

        if (_goneListeners.Any)
        {
            await CloseOverdueAsync(open, now);
        }
    }

    /// <summary>Ends what is left of listeners that are gone, where their time is over.</summary>
    private async Task CloseOverdueAsync(IReadOnlyList<OpenConnection> open, TimeSpan now)
    {
        foreach (var gone in _goneListeners.Without(open))
        {
            engine.Settle(gone);
        }

        var overdue = open.Where(connection => _goneListeners.DeadlineOf(connection) <= now).ToList();
        if (overdue.Count > 0)
        {
            await engine.CloseAsync([.. overdue.Where(connection => _told.Add(Key(connection)))], Order(CloseReason.ListenerRemoved));
            await engine.CloseAsync(
                [.. overdue.Where(connection => _goneListeners.DeadlineOf(connection) + LastGrace <= now)],
                new CloseOrder(CloseReason.ListenerRemoved, null)
            );
            _gone.Clear();
        }
    }

    private async Task CloseAsync(int count)
    {
        // A listener may be back since they were listed: those are listed anew, and told nothing now.
        var gone = Choose(_gone, count, _goneListeners.Has);
        await engine.CloseAsync(gone, Order(CloseReason.ListenerRemoved));
        await engine.CloseAsync(Choose(_closable, count - gone.Count, static _ => true), Order(CloseReason.Drained));
    }

    private List<OpenConnection> Choose(Queue<OpenConnection> closable, int count, Func<OpenConnection, bool> isMeant)
    {
        var chosen = new List<OpenConnection>();
        while (chosen.Count < count && closable.TryDequeue(out var connection))
        {
            if (isMeant(connection))
            {
                chosen.Add(connection);
                _told.Add(Key(connection));
            }
        }

        return chosen;
    }

    /// <summary>Tells those that were not told yet; <paramref name="atOnce"/> cuts off whatever is left.</summary>
    private async Task CloseAllAsync(bool atOnce)
    {
        var open = await engine.ListConnectionsAsync();
        var untold = open.Where(connection => _told.Add(Key(connection))).ToList();
        Interlocked.Add(ref _cutOff, await engine.CloseAsync(untold, Order(CloseReason.DrainDeadline)));
        if (atOnce)
        {
            await engine.CloseAsync([.. open], new CloseOrder(CloseReason.DrainDeadline, null));
        }
    }

    private CloseOrder Order(CloseReason reason)
    {
        lock (_gate)
        {
            return new CloseOrder(reason, new WebSocketClose(_config.CloseCode, _config.CloseReason));
        }
    }

    private static (int Descriptor, long Started) Key(OpenConnection connection) => (connection.Descriptor, connection.Started);
}
