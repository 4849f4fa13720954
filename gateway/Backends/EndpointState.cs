// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Stream;
using Mooring.Gateway.Balancing;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Backends;

/// <summary>One endpoint of one backend over its life: its counts and health outlive config reloads and pushes.</summary>
/// <remarks>
/// Thread-safe. What may change by a reload is in <see cref="Target"/>, swapped as a whole. While nothing speaks against an endpoint,
/// choosing it reads one flag for all that could.
/// </remarks>
internal sealed class EndpointState(string id, int index, EndpointTarget target)
{
    private readonly ConnectionLimit _connections = new();
    private readonly Lock _health = new();
    private PassiveHealth _passive;
    private ActiveHealth _active;
    private CheckFigures _checks;
    private volatile BreakerState? _breaker;
    private volatile WaitQueue? _queue;
    private volatile bool _suspect;
    private volatile bool _retired;
    private volatile bool _hasMoved;

    // Long ago, but not so long that the time since then overflows.
    private long _rampStart = long.MinValue / 2;
    private long _leavingSince;
    private long _connectsTotal;
    private long _failuresTotal;
    private EndpointTarget _target = target;
    private EndpointName _name = EndpointName.Of(id);

    public string Id => Volatile.Read(ref _name).Id;

    /// <summary>Name of the backend, for logs.</summary>
    public string Backend { get; init; } = "";

    /// <summary>What the counters know the backend by.</summary>
    public ushort BackendIndex { get; init; }

    /// <summary>Where <see cref="EndpointRegistry"/> has it: what a channel knows of it.</summary>
    public int Index { get; } = index;

    /// <summary>Told of what changes here.</summary>
    public EndpointNews News { get; init; } = new();

    /// <summary>It is in no set any more.</summary>
    public bool IsRetired
    {
        get => _retired;
        set => _retired = value;
    }

    /// <summary>It had another address once: who came to it before is elsewhere.</summary>
    public bool HasMoved => _hasMoved;

    /// <summary>Who comes from another process was at another address of it.</summary>
    public void NoteMoved() => _hasMoved = true;

    /// <summary>What stands for the id in a cookie: the first 16 hexadecimal digits of its SHA-256, equal on every gateway.</summary>
    public string AffinityKey => Volatile.Read(ref _name).AffinityKey;

    /// <summary>It is known by another id from now on.</summary>
    public void Rename(string id) => Volatile.Write(ref _name, EndpointName.Of(id));

    public EndpointTarget Target
    {
        get => Volatile.Read(ref _target);
        set
        {
            var moved = !string.Equals(_target.Text, value.Text, StringComparison.Ordinal);
            Volatile.Write(ref _target, value);
            if (moved)
            {
                _hasMoved = true;
                News.Tell();
            }
        }
    }

    /// <summary>Its own, or the backend's; null: none.</summary>
    public BreakerState? Breaker
    {
        get => _breaker;
        set => _breaker = value;
    }

    /// <summary>Where connections wait for a place here; null: nowhere.</summary>
    public WaitQueue? Queue
    {
        get => _queue;
        set => _queue = value;
    }

    /// <summary>When its next active check is due, in microseconds. For the checker alone.</summary>
    public long NextCheck { get; set; }

    /// <summary>An active check is under way. For the checker alone.</summary>
    public bool BeingChecked { get; set; }

    /// <summary>When it began to drain or was removed, in microseconds; 0: neither.</summary>
    public long LeavingSince
    {
        get => Volatile.Read(ref _leavingSince);
        set => Volatile.Write(ref _leavingSince, value);
    }

    /// <summary>Takes it to be leaving since another time; false: it is no longer leaving since <paramref name="since"/>.</summary>
    public bool TryPutOff(long since, long later) => Interlocked.CompareExchange(ref _leavingSince, later, since) == since;

    public int Connections => _connections.InUse;

    public long ConnectsTotal => Volatile.Read(ref _connectsTotal);

    public long FailuresTotal => Volatile.Read(ref _failuresTotal);

    /// <summary>Takes a place; false at the endpoint's limit.</summary>
    public bool TryAcquire() => _connections.TryAcquire(Target.MaxConnections);

    /// <summary>Takes a place whatever the limit: for a connection that is open already.</summary>
    public void AcquireAlways() => _connections.TryAcquire(0);

    /// <summary>As <see cref="TryAcquire"/>, and passes the breaker, where a half-open one counts it as a trial.</summary>
    public bool TryEnter(long now)
    {
        if (!TryAcquire())
        {
            return false;
        }

        if (_breaker is { IsClean: false } breaker && !breaker.TryEnter(now))
        {
            _connections.Release();
            return false;
        }

        return true;
    }

    /// <summary>Gives the place back, and on to the first that waits for one.</summary>
    public void Release()
    {
        _connections.Release();
        if (_queue is { IsEmpty: false } queue)
        {
            queue.Serve();
        }
    }

    /// <summary>It takes connections and is below its limit; health aside.</summary>
    public bool HasRoom()
    {
        var now = Target;
        return !now.IsClosed && (now.MaxConnections == 0 || _connections.InUse < now.MaxConnections);
    }

    /// <summary>Neither checks nor the breaker have put it out.</summary>
    public bool IsHealthy(long now)
    {
        // A torn or late read costs one connect more or less to a bad endpoint, which is retried.
        return IsUsable(now) && !_passive.IsOut(now);
    }

    /// <summary>As <see cref="IsHealthy"/>, but failed connects of clients don't count: they say less than checks and breakers.</summary>
    public bool IsUsable(long now) => !_active.IsDown && (_breaker is not { IsClean: false } breaker || breaker.WouldPass(now));

    /// <summary>
    /// Nobody who has a choice stays here: checks or the breaker have put it out, or it was removed and the backend gives nobody time to leave.
    /// </summary>
    public bool IsLost(long now) =>
        _active.IsDown
        || (_breaker is { IsClean: false } breaker && breaker.IsOpen(now))
        || (_retired && Target.Features.DrainMicroseconds == 0);

    /// <summary>Nothing at all speaks against it.</summary>
    public bool IsBeyondDoubt => !_suspect && _breaker is null or { IsClean: true };

    /// <summary>Share of its slow start that is over: 1 when it is in none.</summary>
    public double Progress(long now) => SlowStart.Progress(Volatile.Read(ref _rampStart), now, Target.Features.SlowStartMicroseconds);

    /// <summary>Begins a slow start, where the backend has one.</summary>
    public void BeginSlowStart(long now)
    {
        if (Target.Features.SlowStartMicroseconds > 0)
        {
            Volatile.Write(ref _rampStart, now);
        }
    }

    /// <summary>A connect succeeded. The breaker hears of it only when the whole <paramref name="handshake"/> was that.</summary>
    public void ConnectSucceeded(long now = 0, bool handshake = true)
    {
        Interlocked.Increment(ref _connectsTotal);
        if (handshake)
        {
            HandshakeSucceeded(now);
        }

        if (_passive.IsClean)
        {
            return;
        }

        lock (_health)
        {
            var wasOut = _passive.WasOut;
            _passive.Succeed();
            Judge();
            if (wasOut)
            {
                BeginSlowStart(now);
            }
        }
    }

    /// <summary>The endpoint serves the connection: it answered a WebSocket's handshake.</summary>
    public void HandshakeSucceeded(long now)
    {
        if (_breaker is { IsClean: false } breaker && breaker.Succeed(now))
        {
            BeginSlowStart(now);
            News.Tell();
        }
    }

    /// <summary>The endpoint was connected, but gave no answer to a WebSocket's handshake, or none that is one.</summary>
    public void HandshakeFailed(long now) => FailBreaker(now);

    /// <summary>Counts a failed connect; true when it puts the endpoint out.</summary>
    public bool ConnectFailed(long now)
    {
        Interlocked.Increment(ref _failuresTotal);
        var limits = Target;
        var opened = FailBreaker(now);
        lock (_health)
        {
            var isOut = _passive.Fail(now, limits.MaxFails, limits.FailTimeoutMicroseconds);
            Judge();
            return isOut || opened;
        }
    }

    /// <summary>Takes on the result of an active check; true when the endpoint went up or down by it.</summary>
    /// <param name="error">Null: it passed.</param>
    /// <param name="plan">The check that was made.</param>
    /// <param name="now">The time.</param>
    public bool NoteCheck(string? error, CheckPlan plan, long now)
    {
        lock (_health)
        {
            _checks = _checks.With(error);
            var turned = _active.Note(error is null, plan.Rise, plan.Fall);
            Judge();
            if (turned && error is null)
            {
                BeginSlowStart(now);
            }

            if (turned)
            {
                News.Tell();
            }

            return turned;
        }
    }

    /// <summary>Nobody checks it any more: what checks said is no longer true.</summary>
    public void ForgetChecks()
    {
        lock (_health)
        {
            var wasDown = _active.IsDown;
            _active = default;
            Judge();
            if (wasDown)
            {
                News.Tell();
            }
        }
    }

    /// <summary>Active checks; null where there were none.</summary>
    public CheckLoad? ReadChecks()
    {
        lock (_health)
        {
            return Target.Features.Check is null ? null : _checks.Read(!_active.IsDown);
        }
    }

    private bool FailBreaker(long now)
    {
        if (_breaker?.Fail(now) != true)
        {
            return false;
        }

        News.Tell();
        return true;
    }

    private void Judge() => _suspect = !_passive.IsClean || _active.IsDown;

    private sealed record EndpointName(string Id, string AffinityKey)
    {
        public static EndpointName Of(string id) => new(id, AffinityCookie.Key(id));
    }

    private readonly record struct CheckFigures(long Passed, long Failed, string? Error)
    {
        public CheckFigures With(string? error) => new(Passed + (error is null ? 1 : 0), Failed + (error is null ? 0 : 1), error);

        public CheckLoad Read(bool up) =>
            new()
            {
                Up = up,
                PassedTotal = Passed,
                FailedTotal = Failed,
                LastError = Error,
            };
    }
}
