using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Tunnels;

/// <summary>The tunnels of a gateway: who may open one, what it owns in the registry, and when it ends. Thread-safe.</summary>
/// <remarks>
/// Decides off the loops, since it asks the registry and binds ports; the loops (<see cref="TunnelDesk"/>) have the connections. Each port has
/// an owner, a heartbeat and an end: what a loop drops, a timeout ends, and what this process forgets, the registry's TTL.
/// </remarks>
internal sealed partial class TunnelService : IAsyncDisposable
{
    /// <summary>Ended tunnels that are still shown.</summary>
    public const int MaxEnded = 256;

    /// <summary>Tunnels that are being opened at a time; others wait.</summary>
    public const int MaxOpenings = 32;

    /// <summary>Releases, and visitors' questions, under way at a time; others wait.</summary>
    private const int MaxQuestions = 64;

    private readonly EngineState _engine;
    private readonly IPAddress _bind;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, TunnelListener> _listeners = [];
    private readonly Dictionary<OwnedThing, TunnelPort?> _ports = [];
    private readonly Dictionary<string, TunnelSession> _sessions = [];
    private readonly Queue<TunnelSession> _ended = new();
    private readonly Dictionary<TunnelSession, long> _detached = [];
    private readonly CancellationTokenSource _stop = new();

    /// <summary>All who come at once, as after a gateway's death, ask the registry a few at a time: it takes no more calls than so many.</summary>
    private readonly SemaphoreSlim _turns = new(MaxOpenings);
    private readonly SemaphoreSlim _questions = new(MaxQuestions);
    private readonly ThingQueue _things = new();
    private readonly Lazy<Task<TunnelRegistry>> _local;
    private readonly ConcurrentDictionary<string, long> _refused = new();
    private Task _running = Task.CompletedTask;
    private readonly ConcurrentDictionary<TunnelState, long> _endedTotal = new();
    private long _openedTotal;

    /// <summary>Tunnels that have a place and are not among the open ones yet.</summary>
    private int _opening;
    private bool _started;

    /// <param name="engine">What the loops share.</param>
    /// <param name="bind">Where public ports are bound.</param>
    /// <param name="time">The clock.</param>
    public TunnelService(EngineState engine, IPAddress bind, TimeProvider time)
    {
        (_engine, _bind, _time) = (engine, bind, time);
        _local = new Lazy<Task<TunnelRegistry>>(() => TunnelRegistry.LocalAsync(time));
        OwnerNumber = (uint)RandomNumberGenerator.GetInt32(1, int.MaxValue);
    }

    /// <summary>This gateway in the ids of visitors.</summary>
    public uint OwnerNumber { get; }

    /// <summary>This gateway's name.</summary>
    public string Gateway { get; private set; } = "local";

    /// <summary>The shared registry now; null, or an answer of null: this process's own.</summary>
    public Func<TunnelRegistry?>? Source { get; set; }

    /// <summary>Told of each turn in a tunnel's life. On any thread.</summary>
    public Action<TunnelSession, TunnelEvent>? Turned { get; set; }

    /// <summary>Open tunnels, by age.</summary>
    public IReadOnlyList<TunnelSession> Open()
    {
        lock (_gate)
        {
            return [.. _sessions.Values.OrderBy(static session => session.Opened)];
        }
    }

    /// <summary>There are open tunnels.</summary>
    public bool HasOpen
    {
        get
        {
            lock (_gate)
            {
                return _sessions.Count > 0;
            }
        }
    }

    /// <summary>The last that ended, oldest first; at most <see cref="MaxEnded"/>.</summary>
    public IReadOnlyList<TunnelSession> Ended()
    {
        lock (_gate)
        {
            return [.. _ended];
        }
    }

    /// <summary>Listeners where tunnels were ever opened.</summary>
    public IReadOnlyList<TunnelListener> Listeners
    {
        get
        {
            lock (_gate)
            {
                return [.. _listeners.Values];
            }
        }
    }

    public long OpenedTotal => Volatile.Read(ref _openedTotal);

    /// <summary>Tunnels that have ended, by the state that they ended in.</summary>
    public IReadOnlyDictionary<TunnelState, long> EndedTotal => _endedTotal.ToDictionary();

    /// <summary>Tunnels that were refused, by why.</summary>
    public IReadOnlyDictionary<string, long> Refused => _refused;

    /// <summary>Reads what the Tunnel listeners of a config name; the errors, each with its path.</summary>
    public static IReadOnlyList<string> Prepare(GatewaySnapshot snapshot) =>
        [
            .. snapshot.Listeners.SelectMany(
                (listener, i) =>
                    listener.Tunnel is { PortRange: not null } tunnel
                        ? TunnelListener.Read(tunnel).Errors.Select(error => $"listeners[{i}].tunnel.{error}")
                        : []
            ),
        ];

    /// <summary>The listener's side of a config that was prepared; null where it takes no tunnels.</summary>
    public TunnelListener? Use(ListenerSnapshot listener, CapacityConfig capacity, Func<EndpointState> endpoint)
    {
        if (listener.Tunnel is not { PortRange: not null } config)
        {
            return null;
        }

        lock (_gate)
        {
            if (!_listeners.TryGetValue(listener.Name, out var known))
            {
                _listeners.Add(listener.Name, known = new TunnelListener(listener.Name, endpoint()));
            }

            var (keys, errors) = TunnelListener.Read(config);
            // A file that went bad meanwhile must not open the listener to everybody.
            if (errors.Count == 0 || !known.AsksForSecret)
            {
                known.Configure(config, Capacity(capacity), errors.Count == 0 ? keys : [("", RandomNumberGenerator.GetBytes(32))]);
            }

            if (!_started)
            {
                _started = true;
                _running = Task.Run(() => RunAsync(_stop.Token));
            }

            return known;
        }
    }

    /// <summary>Asks for a tunnel; <paramref name="done"/> is called with what came of it, on any thread.</summary>
    public void Open(OpenOrder order, Action<OpenResult> done) =>
        _ = Task.Run(async () =>
        {
            OpenResult result;
            try
            {
                await _turns.WaitAsync(_stop.Token);
                try
                {
                    result = await OpenAsync(order);
                }
                finally
                {
                    _turns.Release();
                }
            }
            catch (OperationCanceledException)
            {
                result = Refuse("draining", "this gateway is draining");
            }
            catch (Exception error) when (error is RegistryUnavailableException or IOException or ArgumentException)
            {
                result = Refuse("registry", $"the gateways' registry is away: {error.Message}");
            }

            done(result);
        });

    /// <summary>A tunnel was opened for a client that is not there any more.</summary>
    public static void Unclaimed(TunnelSession session) =>
        session.Loop.Post(() =>
        {
            if (session.Control < 0)
            {
                session.Loop.Tunnels.End(session, TunnelState.Closed, "the client did not wait");
            }
        });

    /// <summary>A client has its tunnel, or is back.</summary>
    public void Attached(TunnelSession session)
    {
        lock (_gate)
        {
            _detached.Remove(session);
        }

        Turn(session, TunnelState.Connected, "");
    }

    /// <summary>A client is gone without a word; its ports are kept.</summary>
    public void Detached(TunnelSession session)
    {
        lock (_gate)
        {
            _detached[session] = _time.GetTimestamp();
        }

        Turn(session, TunnelState.Detached, "the client's connection was lost");
    }

    /// <summary>The loop ends a tunnel: forgets it, and gives back what it owned. False: somebody was there before.</summary>
    public bool Ended(TunnelSession session, TunnelState state, string reason)
    {
        if (!Turn(session, state, reason))
        {
            return false;
        }

        _endedTotal.AddOrUpdate(state, 1, static (_, count) => count + 1);
        lock (_gate)
        {
            _sessions.Remove(session.Key);
            _detached.Remove(session);
            if (_ended.Count == MaxEnded)
            {
                _ended.Dequeue();
            }

            _ended.Enqueue(session);
        }

        session.Tenant.Closed();
        foreach (var port in session.Ports)
        {
            GiveBack(port, released: state != TunnelState.Moved);
        }

        Changed();
        return true;
    }

    /// <summary>What stands for data connections where a listener's connection has an endpoint; null: it has no tunnels.</summary>
    public EndpointState? EndpointOf(ListenerState listener)
    {
        var name = listener.Setup?.Config.Tunnel?.VisitorsOf ?? listener.Name;
        lock (_gate)
        {
            return _listeners.GetValueOrDefault(name)?.Endpoint;
        }
    }

    /// <summary>Calls back after a while, on any thread.</summary>
    public void After(TimeSpan wait, Action then) =>
        _ = Task.Delay(wait, _time, _stop.Token)
            .ContinueWith(_ => then(), _stop.Token, TaskContinuationOptions.NotOnCanceled, TaskScheduler.Default);

    /// <summary>The last word to the registry, while that is there: no more tunnels, and what this gateway still has is nobody's.</summary>
    public async Task LeaveAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await Task.WhenAll(Left().Where(static port => port.TrySettle()).Select(ReleaseAsync));
    }

    public async ValueTask DisposeAsync()
    {
        await LeaveAsync();
        await CloseForeignAsync();
        foreach (var datagrams in Left().Select(static port => port.Datagrams).OfType<DatagramPort>())
        {
            await datagrams.DisposeAsync();
        }

        if (_local.IsValueCreated)
        {
            await (await _local.Value).Registry.DisposeAsync();
        }

        _stop.Dispose();
    }

    private List<TunnelPort> Left()
    {
        lock (_gate)
        {
            return [.. _sessions.Values.SelectMany(static session => session.Ports)];
        }
    }

    /// <summary>The registry to ask now.</summary>
    private async Task<TunnelRegistry> RegistryAsync()
    {
        var registry = Source is null ? null : Source();
        registry ??= await _local.Value;
        Gateway = registry.Gateway.Name;
        return registry;
    }

    private bool Turn(TunnelSession session, TunnelState state, string reason)
    {
        var now = _time.GetUtcNow();
        if (!session.Turn(state, reason, now))
        {
            return false;
        }

        Turned?.Invoke(session, new TunnelEvent(now, state, reason));
        return true;
    }

    private OpenResult Refuse(string reason, string text)
    {
        _refused.AddOrUpdate(reason, 1, static (_, count) => count + 1);
        return new OpenResult(null, text);
    }

    /// <summary>The port is nobody's on this gateway any more. Its socket is the loop's to close.</summary>
    private void GiveBack(TunnelPort port, bool released)
    {
        if (!port.TrySettle())
        {
            return;
        }

        if (released)
        {
            // In its place before anybody else can claim the port here.
            _ = ReleaseAsync(port);
        }

        lock (_gate)
        {
            _ports.Remove(port.Thing);
        }

        _ = port.Datagrams?.DisposeAsync().AsTask();
    }

    private Task ReleaseAsync(TunnelPort port) => _things.RunAsync(port.Thing, () => ReleaseInTurnAsync(port));

    private async Task ReleaseInTurnAsync(TunnelPort port)
    {
        if (port.Ownership is not { } ownership)
        {
            return;
        }

        await _questions.WaitAsync();
        try
        {
            await (await RegistryAsync()).Registry.ReleaseAsync(port.Thing, ownership);
        }
        catch (Exception error) when (error is RegistryUnavailableException or ObjectDisposedException)
        {
            // Then it ends by its time to live.
        }
        finally
        {
            _questions.Release();
        }
    }

    private static TunnelCapacityConfig Capacity(CapacityConfig capacity) => capacity.Tunnels ?? new TunnelCapacityConfig();
}
