namespace Mooring.Gateway.Draining;

/// <summary>Tells how many connections to close by now: a token bucket, each close put off by a random part of the jitter.</summary>
/// <remarks>
/// The rate bounds how fast clients come back elsewhere; the jitter keeps them from doing so in step. In no second are there more closes than the rate
/// (one, where that is less than one): the bucket is filled so much slower as its burst is large, and closes that the jitter heaps up pass it once more.
/// Pure but for the random source, which is an argument. Not thread-safe.
/// </remarks>
internal sealed class ClosePacer(Random random)
{
    // A tenth of a second's closes at once, so that a stalled process does not catch up in one burst.
    private const double BurstSeconds = 0.1;

    private readonly PriorityQueue<TimeSpan, TimeSpan> _due = new();
    private double _planned;
    private double _released;
    private TimeSpan _filled;

    /// <summary>Starts anew: the first close is due at once, plus jitter.</summary>
    public void Restart(TimeSpan now)
    {
        _due.Clear();
        (_planned, _released) = (1, 1);
        _filled = now;
    }

    /// <summary>Closes due now.</summary>
    /// <param name="now">Time on any steady clock, rising.</param>
    /// <param name="wanted">Connections that are to be closed in all from now on.</param>
    /// <param name="perSecond">Above 0.</param>
    /// <param name="jitter">0 or more.</param>
    public int Take(TimeSpan now, int wanted, double perSecond, TimeSpan jitter)
    {
        var rate = perSecond / (1 + BurstSeconds);
        var burst = Math.Max(1, rate * BurstSeconds);
        var filling = (now - _filled).TotalSeconds * rate;
        _filled = now;
        _planned = Math.Min(burst, _planned + filling);
        _released = Math.Min(burst, _released + filling);
        while (_planned >= 1 && _due.Count < wanted)
        {
            _planned--;
            var due = now + (jitter * random.NextDouble());
            _due.Enqueue(due, due);
        }

        var count = 0;
        while (_released >= 1 && count < wanted && _due.TryPeek(out var due, out _) && due <= now)
        {
            _due.Dequeue();
            _released--;
            count++;
        }

        return count;
    }
}
