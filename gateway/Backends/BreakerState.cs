// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Backends;

/// <summary>A circuit breaker that loops share, with its statistics. Thread-safe; while all is well it takes no lock.</summary>
internal sealed class BreakerState(BreakerLimits limits)
{
    private readonly Lock _gate = new();
    private CircuitBreaker _machine;
    private BreakerLimits _limits = limits;
    private volatile bool _clean = true;
    private long _opened;
    private long _rejected;
    private long _failures;
    private long _changedAt;

    /// <summary>It is the backend's, and no endpoint's own.</summary>
    public bool IsShared { get; init; }

    /// <summary>What a reload may change.</summary>
    public BreakerLimits Limits
    {
        get => Volatile.Read(ref _limits);
        set => Volatile.Write(ref _limits, value);
    }

    /// <summary>Closed, and the last result was no failure.</summary>
    public bool IsClean => _clean;

    public bool WouldPass(long now)
    {
        if (_clean)
        {
            return true;
        }

        lock (_gate)
        {
            return _machine.WouldPass(now, Limits);
        }
    }

    public bool TryEnter(long now)
    {
        if (_clean)
        {
            return true;
        }

        lock (_gate)
        {
            return _machine.TryEnter(now, Limits);
        }
    }

    /// <summary>A connection was not let through: for the statistics.</summary>
    public void CountRejection() => Interlocked.Increment(ref _rejected);

    /// <summary>True when it closes the breaker.</summary>
    public bool Succeed(long now)
    {
        if (_clean)
        {
            return false;
        }

        lock (_gate)
        {
            var closed = _machine.Succeed(Limits);
            _clean = _machine.IsClean;
            _changedAt = closed ? now : _changedAt;
            return closed;
        }
    }

    /// <summary>True when it opens the breaker.</summary>
    public bool Fail(long now)
    {
        lock (_gate)
        {
            _failures++;
            var opened = _machine.Fail(now, Limits);
            _clean = _machine.IsClean;
            if (opened)
            {
                _opened++;
                _changedAt = now;
            }

            return opened;
        }
    }

    /// <summary>It lets nothing through.</summary>
    public bool IsOpen(long now)
    {
        if (_clean)
        {
            return false;
        }

        lock (_gate)
        {
            return _machine.Phase(now, Limits) == BreakerPhase.Open;
        }
    }

    public BreakerLoad Read(long now)
    {
        lock (_gate)
        {
            return new BreakerLoad
            {
                State = _machine.Phase(now, Limits) switch
                {
                    BreakerPhase.Open => BreakerStateName.Open,
                    BreakerPhase.HalfOpen => BreakerStateName.HalfOpen,
                    _ => BreakerStateName.Closed,
                },
                ConsecutiveFailures = _machine.Failures,
                FailuresTotal = _failures,
                OpenedTotal = _opened,
                RejectedTotal = Volatile.Read(ref _rejected),
                SecondsSinceChange = _changedAt == 0 ? null : (now - _changedAt) / 1_000_000,
            };
        }
    }
}
