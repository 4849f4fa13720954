namespace Mooring.Gateway.Backends;

/// <summary>How many retries a backend's connections may make together: a share of all connects, and a few per second in any case.</summary>
/// <remarks>
/// Without it an outage multiplies the load on what is left by the number of attempts. Thread-safe; asked only for a retry, so the
/// connects that need none pay nothing. The caller brings the clock, in microseconds.
/// </remarks>
internal sealed class RetryBudget
{
    private const int SecondsKept = 10;
    private readonly Lock _gate = new();
    private bool _started;
    private double _tokens;
    private long _lastTime;
    private long _lastConnects;
    private long _taken;
    private long _denied;

    /// <summary>Retries made.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Retries that the budget did not allow.</summary>
    public long Denied => Volatile.Read(ref _denied);

    /// <summary>Takes one retry out of the budget; false when there is none left.</summary>
    /// <param name="percent">Retries per hundred connects.</param>
    /// <param name="perSecond">Retries per second in any case.</param>
    /// <param name="connects">Connects so far, successful and failed; may fall when endpoints go.</param>
    /// <param name="now">The time.</param>
    public bool TryTake(int percent, int perSecond, long connects, long now)
    {
        lock (_gate)
        {
            // What may come at once after a quiet time: as much as ten seconds without traffic bring, and always one.
            var most = Math.Max(1.0, (double)perSecond * SecondsKept);
            if (!_started)
            {
                (_started, _tokens, _lastTime, _lastConnects) = (true, most, now, connects);
            }

            var earned = ((now - _lastTime) / 1e6 * perSecond) + (Math.Max(0, connects - _lastConnects) * percent / 100.0);
            (_lastTime, _lastConnects) = (now, connects);
            _tokens = Math.Min(most, _tokens + earned);
            if (_tokens < 1)
            {
                _denied++;
                return false;
            }

            _tokens--;
            _taken++;
            return true;
        }
    }

    /// <summary>The retry that was taken last by the caller was not made.</summary>
    public void GiveBack()
    {
        lock (_gate)
        {
            _tokens++;
            _taken--;
        }
    }
}
