// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Telemetry;

/// <summary>Counts durations in fixed buckets, in native memory: written by one loop, read by anyone.</summary>
internal unsafe struct DurationHistogram
{
    /// <summary>Buckets that there is room for, with the one beyond the last bound.</summary>
    public const int MaxBuckets = 20;

    /// <summary>Microseconds.</summary>
    private long _sum;

    private fixed long _counts[MaxBuckets];

    /// <summary>Counts one duration.</summary>
    /// <param name="bounds"><see cref="DurationBounds"/>, the same in every call.</param>
    /// <param name="microseconds">Below 0 counts as 0.</param>
    public void Record(long[] bounds, long microseconds)
    {
        var bucket = 0;
        while (bucket < bounds.Length && microseconds > bounds[bucket])
        {
            bucket++;
        }

        _counts[bucket]++;
        _sum += Math.Max(microseconds, 0);
    }

    /// <summary>Adds what this holds to <paramref name="counts"/>, which has a place for each bucket. Returns the sum, in microseconds.</summary>
    public readonly long AddTo(Span<long> counts)
    {
        fixed (long* own = _counts)
        {
            for (var i = 0; i < counts.Length; i++)
            {
                counts[i] += Volatile.Read(ref own[i]);
            }
        }

        return Volatile.Read(in _sum);
    }
}

/// <summary>The bounds of <see cref="DurationLoad"/> in microseconds.</summary>
internal static class DurationBounds
{
    public static readonly long[] Latency = Microseconds(DurationLoad.LatencyBounds);
    public static readonly long[] Session = Microseconds(DurationLoad.SessionBounds);

    private static long[] Microseconds(IReadOnlyList<double> seconds) => [.. seconds.Select(bound => (long)Math.Round(bound * 1e6))];
}
