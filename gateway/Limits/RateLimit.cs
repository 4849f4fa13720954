// Hot path: per connection. See tests/benchmarks.
namespace Mooring.Gateway.Limits;

/// <summary>How often something may happen: a token bucket's two numbers.</summary>
/// <param name="IntervalNanoseconds">Time that one costs; 0: no limit.</param>
/// <param name="ToleranceNanoseconds">How far ahead of the rate the bucket may run: the burst less one.</param>
internal readonly record struct RateLimit(long IntervalNanoseconds, long ToleranceNanoseconds)
{
    public bool IsSet => IntervalNanoseconds != 0;

    /// <param name="perSecond">1 to 1,000,000.</param>
    /// <param name="burst">1 to 1,000,000.</param>
    public static RateLimit Of(int perSecond, int burst) => new(1_000_000_000L / perSecond, (burst - 1) * (1_000_000_000L / perSecond));

    /// <summary>Takes one token. False, changing nothing, when there is none.</summary>
    /// <param name="bucket">
    /// The bucket's whole state: when it will be full again, in nanoseconds (the generic cell rate algorithm of ITU-T I.371, in its virtual
    /// scheduling form). 0 is full. So it outlives changes of the limit, and means nothing once that time is past.
    /// </param>
    /// <param name="now">Microseconds of the loops' clock.</param>
    public bool TryTake(ref long bucket, long now)
    {
        var nanoseconds = now * 1000;
        var full = Math.Max(bucket, nanoseconds);
        // A lower rate may have filled it beyond what this one would: no more than empty.
        if (full - nanoseconds > ToleranceNanoseconds)
        {
            bucket = Math.Min(full, nanoseconds + ToleranceNanoseconds + IntervalNanoseconds);
            return false;
        }

        bucket = full + IntervalNanoseconds;
        return true;
    }

    /// <summary>Puts a token back that <see cref="TryTake"/> took.</summary>
    public void Return(ref long bucket) => bucket = Math.Max(1, bucket - IntervalNanoseconds);

    /// <summary>As <see cref="TryTake"/>, for a bucket that several threads take from.</summary>
    public bool TryTakeShared(ref long bucket, long now)
    {
        while (true)
        {
            var seen = Volatile.Read(ref bucket);
            var next = seen;
            var taken = TryTake(ref next, now);
            if (next == seen || Interlocked.CompareExchange(ref bucket, next, seen) == seen)
            {
                return taken;
            }
        }
    }
}
