using System.Security.Cryptography;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Registry.Redis;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway.Registry;

/// <summary>Keeps this gateway in the registry, and what it holds there: one task, for as long as a registry is configured.</summary>
/// <remarks>Thread-safe. While the registry is away it tries on, and the gateway works by what was known last.</remarks>
internal sealed class RegistryAgent : IAsyncDisposable
{
    private static readonly TimeSpan Beat = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    /// <summary>Between two looks at what nobody says: the gateway's state, the limit, the connection.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>And at least, however pressing it is.</summary>
    private static readonly TimeSpan ShortTick = TimeSpan.FromMilliseconds(25);

    /// <summary>Within this every gateway has noticed that the registry is back, and has said what it owns.</summary>
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(5);

    // Each answer lists them all: a big fleet asks less often.
    private static readonly TimeSpan BeatPerGateway = TimeSpan.FromMilliseconds(20);

    private readonly IFleetRegistry _registry;
    private readonly RedisRegistry? _redis;
    private readonly TimeSpan _ttl;
    private readonly LeaseKeeper _leases;
    private readonly Func<GatewayRecord> _record;
    private readonly RegistryCounters _counters;
    private readonly GatewayLog _log;
    private readonly TimeProvider _time;
    private readonly string _process = RandomNumberGenerator.GetHexString(32, lowercase: true);
    private readonly CancellationTokenSource _stop = new();
    private readonly FleetShare _share;
    private readonly Task _running;
    private Known? _known;
    private FleetCapacityConfig? _limit;
    private FleetCapacityConfig? _limitInForce;
    private readonly Func<bool> _hasTunnels;
    private string? _error = "not registered yet";
    private bool _everRegistered;
    private bool _reported;
    private GatewayState _state;
    private long _connects;
    private long _nextBeat;
    private bool _beatSoon;
    private TaskCompletionSource _wake = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="registry">Disposed of by this.</param>
    /// <param name="ttl">Of this gateway's entry.</param>
    /// <param name="share">That the leases are of.</param>
    /// <param name="leases">Used by this alone.</param>
    /// <param name="limit">Of the whole fleet; null: none. In force when this returns.</param>
    /// <param name="record">This gateway, now. Cheap.</param>
    /// <param name="counters">Of the registry's calls.</param>
    /// <param name="log">Told of each change.</param>
    /// <param name="time">The clock.</param>
    /// <param name="hasTunnels">Whether there are open tunnels: connections are taken for them whatever the gateway's state. Null: never.</param>
    public RegistryAgent(
        IFleetRegistry registry,
        TimeSpan ttl,
        FleetShare share,
        LeaseKeeper leases,
        FleetCapacityConfig? limit,
        Func<GatewayRecord> record,
        RegistryCounters counters,
        GatewayLog log,
        TimeProvider time,
        Func<bool>? hasTunnels = null
    )
    {
        _hasTunnels = hasTunnels ?? (static () => false);
        (_registry, _redis, _ttl, _share, _leases, _record, _counters, _log, _time) = (
            registry,
            registry as RedisRegistry,
            ttl,
            share,
            leases,
            record,
            counters,
            log,
            time
        );
        _limit = _limitInForce = limit;
        leases.Configure(limit, shared: _redis is not null);
        share.Pressed = Wake;
        _running = Task.Run(RunAsync);
    }

    /// <summary>Sets the limit of the whole fleet; in force within moments.</summary>
    public void SetLimit(FleetCapacityConfig? limit)
    {
        Volatile.Write(ref _limit, limit);
        Wake();
    }

    /// <summary>Says at once how the gateway fares: others wait for it.</summary>
    public void BeatSoon()
    {
        Volatile.Write(ref _beatSoon, true);
        Wake();
    }

    /// <summary>What tunnels need of the registry.</summary>
    public TunnelRegistry Tunnels(CapacityConfig capacity)
    {
        var view = View(capacity);
        var stale = TimeSpan.FromTicks(Math.Max(3 * Beat.Ticks, _ttl.Ticks / 4));
        return new TunnelRegistry(
            _registry,
            view.Gateway,
            _ttl,
            view.Problem,
            view.Gateways,
            capacity.ReservedPercent,
            IsStale: view.Age is not { } age || age > stale
        )
        {
            IsShared = view.IsShared,
            Settle = view.IsShared ? SettleTime : TimeSpan.Zero,
        };
    }

    public RegistryView View(CapacityConfig capacity)
    {
        var known = Volatile.Read(ref _known);
        TimeSpan? age = known is null ? null : _time.GetElapsedTime(known.At);
        var own = _record();
        return new RegistryView
        {
            IsShared = _redis is not null,
            Problem = Volatile.Read(ref _error) ?? _redis?.Problem,
            Breaker = _redis?.Breaker.State ?? BreakerState.Closed,
            BreakerOpened = _redis?.Breaker.Opened ?? 0,
            Counters = _counters,
            Gateway = new GatewayId(own.Name, known?.Generation ?? 0),
            Gateways = known is not null && age < _ttl ? known.Gateways : [own],
            Age = age,
            Lease = _leases.View,
            ReservedPercent = capacity.ReservedPercent,
            TotalBandwidth = capacity.Tunnels?.TotalBandwidthBitsPerSecond ?? 0,
        };
    }

    /// <summary>Takes this gateway out of the registry, if that answers, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _share.Pressed = null;
        await _stop.CancelAsync();
        await _running;
        if (_known is { Generation: > 0 } known && _error is null)
        {
            try
            {
                await _registry.UnregisterAsync(_record().Name, known.Generation);
            }
            catch (RegistryUnavailableException)
            {
                // Then the entry ends by itself.
            }
        }

        await _registry.DisposeAsync();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var guard = new FaultGuard("the registry", _time);
        while (!_stop.IsCancellationRequested)
        {
            await guard.RunAsync(TurnAsync);
            _leases.Tick();
            var woken = Volatile.Read(ref _wake);
            await woken.Task.WaitAsync(Rest(), _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (woken.Task.IsCompleted)
            {
                // Whoever wakes this one in vain does so before the next look.
                Volatile.Write(ref _wake, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
        }
    }

    private async Task TurnAsync()
    {
        try
        {
            if (Volatile.Read(ref _limit) is var limit && limit != _limitInForce)
            {
                _leases.Configure(limit, shared: _redis is not null);
                _limitInForce = limit;
            }

            if (await StepAsync() && _known is { Generation: > 0 })
            {
                Volatile.Write(ref _error, null);
            }

            Tell();
        }
        catch (RegistryUnavailableException e)
        {
            Volatile.Write(ref _error, e.Message);
            _nextBeat = Math.Min(_nextBeat, _time.GetTimestamp() + Ticks(Retry));
            Tell();
        }
    }

    private TimeSpan Rest()
    {
        var untilBeat = (_nextBeat - _time.GetTimestamp()) * TimeSpan.TicksPerSecond / _time.TimestampFrequency;
        return TimeSpan.FromTicks(Math.Clamp(Math.Min(_leases.Rest().Ticks, untilBeat), ShortTick.Ticks, Tick.Ticks));
    }

    private void Wake() => Volatile.Read(ref _wake).TrySetResult();

    /// <summary>Does what is due. True: the registry has answered.</summary>
    private async Task<bool> StepAsync()
    {
        var answered = false;
        var record = _record();
        // Connected anew, the server may be another, or have lost its memory.
        var connects = _counters.Connects;
        if (
            Interlocked.Exchange(ref _beatSoon, false)
            || _time.GetTimestamp() >= _nextBeat
            || record.State != _state
            || connects != _connects
        )
        {
            await BeatAsync(record);
            (_state, _connects) = (record.State, connects);
            answered = true;
        }

        if (_known is { } known && _leases.IsDue())
        {
            await _leases.AskAsync(
                _registry,
                // The connections of one whose name another has by now count beside that one's.
                known.Generation > 0
                    ? new GatewayId(record.Name, known.Generation)
                    : new GatewayId($"{record.Name}/{_process}", 1),
                known.Gateways.Count,
                record.State != GatewayState.Serving && !_hasTunnels()
            );
            answered = true;
        }

        return answered;
    }

    private async Task BeatAsync(GatewayRecord record)
    {
        var generation = _known?.Generation ?? 0;
        _nextBeat = _time.GetTimestamp() + Ticks(Retry);
        // Only a process that starts takes the place of one with its name: later, the other is the one that started.
        var answer = await _registry.RegisterAsync(
            record with
            {
                Generation = generation,
                Process = _process,
            },
            _ttl,
            replace: !_everRegistered
        );
        _everRegistered = true;
        var interval = TimeSpan.FromTicks(
            Math.Min((_ttl / 4).Ticks, Math.Max(Math.Min(Beat.Ticks, (_ttl / 12).Ticks), BeatPerGateway.Ticks * answer.Gateways.Count))
        );
        _nextBeat = _time.GetTimestamp() + Ticks(interval);
        // The answer to its own registration may have been lost.
        var accepted = answer.Accepted || answer.Gateways.Any(gateway => gateway.Name == record.Name && gateway.Process == _process);
        Volatile.Write(ref _known, new Known(accepted ? answer.Generation : 0, answer.Gateways, _time.GetTimestamp()));
        if (!accepted)
        {
            Volatile.Write(ref _error, $"another gateway is registered as '{record.Name}'");
        }
        else if (answer.Generation != generation)
        {
            _counters.CountRegistration();
            _log.Event("registry_registered", ("generation", answer.Generation), ("gateways", answer.Gateways.Count));
        }
    }

    /// <summary>One line for each time that it goes or comes back.</summary>
    private void Tell()
    {
        var problem = Volatile.Read(ref _error);
        if (problem is null == !_reported)
        {
            return;
        }

        _reported = problem is not null;
        if (problem is null)
        {
            _log.Event("registry_connected");
        }
        else
        {
            _log.Event("registry_degraded", ("reason", problem));
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * _time.TimestampFrequency);

    /// <param name="Generation">This gateway's; 0: not registered.</param>
    /// <param name="Gateways">Every gateway.</param>
    /// <param name="At">Timestamp of the answer.</param>
    private sealed record Known(long Generation, IReadOnlyList<GatewayRecord> Gateways, long At);
}
