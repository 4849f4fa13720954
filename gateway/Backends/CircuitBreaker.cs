namespace Mooring.Gateway.Backends;

/// <summary>States of a circuit breaker.</summary>
internal enum BreakerPhase
{
    /// <summary>Everything passes; failures in a row are counted.</summary>
    Closed,

    /// <summary>Nothing passes.</summary>
    Open,

    /// <summary>A few trials pass; they decide.</summary>
    HalfOpen,
}

/// <summary>Thresholds and times of a breaker, in microseconds.</summary>
internal sealed record BreakerLimits(int FailureThreshold, int SuccessThreshold, long Timeout, long ResetTimeout);

/// <summary>A circuit breaker as a pure state machine: time is an argument, in microseconds. Not thread-safe.</summary>
/// <remarks>
/// Results of what was let through before the breaker opened may come while it is open: they change nothing, neither for better nor
/// for worse. A trial whose result never comes (its client left) gives its place back after <see cref="BreakerLimits.Timeout"/>.
/// </remarks>
internal struct CircuitBreaker
{
    private int _failures;
    private int _successes;
    private int _trials;
    private long _lastTrial;
    private long _openedAt;
    private BreakerPhase _phase;

    /// <summary>Failures in a row while closed.</summary>
    public readonly int Failures => _failures;

    /// <summary>Nothing is to be cleared by a success.</summary>
    public readonly bool IsClean => _phase == BreakerPhase.Closed && _failures == 0;

    public readonly BreakerPhase Phase(long now, BreakerLimits limits) =>
        _phase == BreakerPhase.Open && now - _openedAt >= limits.ResetTimeout ? BreakerPhase.HalfOpen : _phase;

    /// <summary>What <see cref="TryEnter"/> would say.</summary>
    public readonly bool WouldPass(long now, BreakerLimits limits) =>
        Phase(now, limits) switch
        {
            BreakerPhase.Closed => true,
            BreakerPhase.Open => false,
            // Open before: the first trial. Since a reload, fewer successes may be needed than there were: the next one closes it then.
            _ => _phase == BreakerPhase.Open
                || Trials(now, limits) + Math.Min(_successes, limits.SuccessThreshold - 1) < limits.SuccessThreshold,
        };

    /// <summary>Asks for one connection to pass; half-open, it is a trial then.</summary>
    public bool TryEnter(long now, BreakerLimits limits)
    {
        if (!WouldPass(now, limits))
        {
            return false;
        }

        if (_phase == BreakerPhase.Closed)
        {
            return true;
        }

        if (_phase == BreakerPhase.Open)
        {
            (_phase, _successes, _trials) = (BreakerPhase.HalfOpen, 0, 0);
        }

        _trials = Trials(now, limits) + 1;
        _lastTrial = now;
        return true;
    }

    /// <summary>True when it closes the breaker.</summary>
    public bool Succeed(BreakerLimits limits)
    {
        switch (_phase)
        {
            case BreakerPhase.Closed:
                _failures = 0;
                return false;
            case BreakerPhase.HalfOpen:
                _trials = Math.Max(0, _trials - 1);
                if (++_successes < limits.SuccessThreshold)
                {
                    return false;
                }

                this = default;
                return true;
            default:
                return false;
        }
    }

    /// <summary>True when it opens the breaker.</summary>
    public bool Fail(long now, BreakerLimits limits)
    {
        if (_phase == BreakerPhase.Open || (_phase == BreakerPhase.Closed && ++_failures < limits.FailureThreshold))
        {
            return false;
        }

        this = default;
        (_phase, _openedAt) = (BreakerPhase.Open, now);
        return true;
    }

    private readonly int Trials(long now, BreakerLimits limits) => now - _lastTrial >= limits.Timeout ? 0 : _trials;
}
