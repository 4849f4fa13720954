using System.Numerics;

namespace Mooring.Benchmarks.Harness;

/// <summary>Counts durations in buckets that are at most 1.6 % wide, from 1 ns to 2^40 ns (18 minutes).</summary>
/// <remarks>Log-linear, as in HdrHistogram: exact below 64 ns, then 64 buckets for each doubling. Recording allocates nothing. Used by one thread.</remarks>
internal sealed class LatencyHistogram
{
    private const int SubBits = 6;
    private const int MaxBits = 40;
    private const long MaxValue = (1L << MaxBits) - 1;

    private readonly long[] _counts = new long[(MaxBits - SubBits + 1) << SubBits];

    /// <summary>Durations recorded so far.</summary>
    public long Count { get; private set; }

    /// <summary>Counts one duration. One below 0 counts as 0, one beyond the range as the longest.</summary>
    public void Record(long nanoseconds)
    {
        _counts[Bucket(Math.Clamp(nanoseconds, 0, MaxValue))]++;
        Count++;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = 0;
    }

    /// <summary>Duration that <paramref name="percent"/> of the recorded ones do not exceed, in ns: its bucket's upper end. 0 when empty.</summary>
    public long Percentile(double percent)
    {
        var rank = (long)Math.Ceiling(Count * Math.Clamp(percent, 0, 100) / 100);
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= rank && seen > 0)
            {
                return UpperEnd(i);
            }
        }

        return 0;
    }

    private static int Bucket(long value)
    {
        var shift = Math.Max(0, BitOperations.Log2((ulong)value | 1) - SubBits);
        return (shift << SubBits) + (int)(value >> shift);
    }

    private static long UpperEnd(int bucket)
    {
        // From the second doubling on, the leading bit of the value is part of the index.
        var shift = Math.Max(0, (bucket >> SubBits) - 1);
        return ((long)(bucket - (shift << SubBits) + 1) << shift) - 1;
    }
}
