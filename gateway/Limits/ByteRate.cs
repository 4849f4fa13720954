// Hot path: per read of limited connections.
namespace Mooring.Gateway.Limits;

/// <summary>Bytes per second: a token bucket's numbers. The bucket's state is when it will be full again, in nanoseconds; 0 is full.</summary>
/// <remarks>
/// A connection's own bucket is charged once its bytes were read. Of one that several threads take from, bytes are reserved before they are read and given back
/// where there were fewer, so that however many loops look at once, no more than it has is read.
/// </remarks>
/// <param name="PerSecond">0: no limit.</param>
/// <param name="BurstNanoseconds">The burst, as the time in which it comes back.</param>
internal readonly record struct ByteRate(long PerSecond, long BurstNanoseconds)
{
    private const long SmallestBurst = 4096;
    private const long LargestRead = 1 << 20;

    public bool IsSet => PerSecond != 0;

    /// <summary>A burst of a quarter of a second, and of 4 KiB at least.</summary>
    public static ByteRate Of(long perSecond) =>
        perSecond == 0 ? default : new(perSecond, Math.Max(250_000_000, Nanoseconds(SmallestBurst, perSecond)));

    /// <summary>Bytes that may be read now; 0 until a worthwhile number may.</summary>
    /// <param name="bucket">The bucket.</param>
    /// <param name="now">Microseconds of the loops' clock.</param>
    public int Available(long bucket, long now)
    {
        var left = Left(bucket, now);
        return left < Worthwhile ? 0 : (int)Math.Min(LargestRead, (long)((double)left * PerSecond / 1e9));
    }

    /// <summary>Microseconds until <see cref="Available"/> is more than 0.</summary>
    public long Wait(long bucket, long now) => Math.Max(0, Worthwhile - Left(bucket, now)) / 1000 + 1;

    /// <summary>Takes bytes out of the bucket, also more than there are.</summary>
    public void Charge(ref long bucket, long now, int bytes)
    {
        var nanoseconds = now * 1000;
        // After the limit was raised, what was taken at the old rate is forgiven beyond an empty bucket.
        var full = Math.Clamp(bucket, nanoseconds, nanoseconds + (2 * BurstNanoseconds));
        bucket = full + Nanoseconds(bytes, PerSecond);
    }

    /// <summary>As <see cref="Charge"/>, for a bucket that several threads take from.</summary>
    public void ChargeShared(ref long bucket, long now, int bytes)
    {
        long seen;
        long next;
        do
        {
            seen = Volatile.Read(ref bucket);
            next = seen;
            Charge(ref next, now, bytes);
        } while (Interlocked.CompareExchange(ref bucket, next, seen) != seen);
    }

    /// <summary>As <see cref="Available"/> and <see cref="ChargeShared"/> in one: takes what may be read now, and returns it.</summary>
    public int ReserveShared(ref long bucket, long now, int wanted)
    {
        while (true)
        {
            var seen = Volatile.Read(ref bucket);
            var bytes = Math.Min(wanted, Available(seen, now));
            if (bytes <= 0)
            {
                return 0;
            }

            var next = seen;
            Charge(ref next, now, bytes);
            if (Interlocked.CompareExchange(ref bucket, next, seen) == seen)
            {
                return bytes;
            }
        }
    }

    /// <summary>Gives back what was reserved and not read.</summary>
    public void ReturnShared(ref long bucket, int bytes) => Interlocked.Add(ref bucket, -Nanoseconds(bytes, PerSecond));

    /// <summary>Half a burst, 16 KiB at most: less would be many system calls for few bytes.</summary>
    private long Worthwhile => Math.Min(BurstNanoseconds / 2, Nanoseconds(16 * 1024, PerSecond));

    private long Left(long bucket, long now) => BurstNanoseconds - Math.Max(0, bucket - (now * 1000));

    private static long Nanoseconds(long bytes, long perSecond) => (long)(bytes * 1e9 / perSecond);
}
