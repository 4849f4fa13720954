namespace Mooring.Gateway.Draining;

/// <summary>Tells how many connections to close by now: a token bucket, each close put off by a random part of the jitter.</summary>
/// <remarks>
/// The rate bounds how fast clients come back elsewhere; the jitter keeps them from doing so in step. In no second are there more closes than the rate
/// (one, where that is less than one): the bucket is filled so much slower as its burst is large, closes that the jitter heaps up pass it once more, and
/// while closes are on their way nothing is filled, so a process that stands still between deciding and doing does not do the next ones with them.
/// It begins empty: several that take turns at one rate keep it together too.
/// Pure but for the random source, which is an argument. Not thread-safe.
/// </remarks>
internal sealed class ClosePacer(Random random)
{
    /// <summary>A pace below it is none: what a gateway is told that is to wait.</summary>
    public const double Least = 0.001;

    // A tenth of a second's closes at once, so that a stalled process does not catch up in one burst.
    private const double BurstSeconds = 0.1;

    private readonly PriorityQueue<TimeSpan, TimeSpan> _due = new();
    private double _planned;
    private double _released;
    private double _rate;
    private TimeSpan _filled;

    /// <summary>Starts anew, with nothing to spend.</summary>
    public void Restart(TimeSpan now)
    {
        _due.Clear();
        (_planned, _released, _rate) = (0, 0, 0);
        _filled = now;
    }

    /// <summary>Closes due now. Call <see cref="Sent"/> when they are done.</summary>
    /// <param name="now">Time on any steady clock, rising.</param>
    /// <param name="wanted">Connections that are to be closed in all from now on.</param>
    /// <param name="perSecond">Above 0; below 0.001 none are closed.</param>
    /// <param name="jitter">0 or more.</param>
    public int Take(TimeSpan now, int wanted, double perSecond, TimeSpan jitter)
    {
        var rate = perSecond < Least ? 0 : perSecond / (1 + BurstSeconds);
        var burst = rate > 0 ? Math.Max(1, rate * BurstSeconds) : 0;
        // A pace that was raised holds from now on: until now the rest of it was somebody else's.
        var filling = Math.Max(0, (now - _filled).TotalSeconds) * Math.Min(rate, _rate);
        (_filled, _rate) = (now, rate);
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

    /// <summary>The closes taken last have left by now. The time they took is not made up for.</summary>
    public void Sent(TimeSpan now) => _filled = now;
}
