namespace Mooring.Gateway.Registry;

/// <summary>States of a <see cref="CallBreaker"/>.</summary>
internal enum BreakerState
{
    /// <summary>Calls go through.</summary>
    Closed,

    /// <summary>Calls fail at once.</summary>
    Open,

    /// <summary>One call tries whether the peer is back.</summary>
    HalfOpen,
}

/// <summary>Spares callers the wait for a peer that does not answer: after so many failures in a row, calls fail at once for a while.</summary>
/// <remarks>Thread-safe. Time is an argument: milliseconds of any clock that only goes forward.</remarks>
/// <param name="threshold">Failures in a row that open it; at least 1.</param>
/// <param name="pause">For so long it stays open before one call may try.</param>
internal sealed class CallBreaker(int threshold, TimeSpan pause)
{
    private readonly Lock _gate = new();
    private BreakerState _state = BreakerState.Closed;
    private int _failures;
    private long _openedAt;

    public BreakerState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    /// <summary>Times it has opened.</summary>
    public long Opened { get; private set; }

    /// <summary>Whether to call now. Who gets true says how it went.</summary>
    public bool TryEnter(long now)
    {
        lock (_gate)
        {
            if (_state == BreakerState.Closed)
            {
                return true;
            }

            // A try that never reported back must not keep it shut for ever.
            if (now - _openedAt < (long)pause.TotalMilliseconds)
            {
                return false;
            }

            _state = BreakerState.HalfOpen;
            _openedAt = now;
            return true;
        }
    }

    public void Succeed()
    {
        lock (_gate)
        {
            _state = BreakerState.Closed;
            _failures = 0;
        }
    }

    public void Fail(long now)
    {
        lock (_gate)
        {
            _failures++;
            if (_state == BreakerState.HalfOpen || _failures >= threshold)
            {
                Opened += _state == BreakerState.Closed ? 1 : 0;
                _state = BreakerState.Open;
                _openedAt = now;
            }
        }
    }
}
