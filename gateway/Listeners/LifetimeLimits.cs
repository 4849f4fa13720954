using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>How long connections of a listener may live. Immutable, pure.</summary>
/// <param name="MaxMicroseconds">From accept.</param>
/// <param name="JitterPercent">Each ends earlier by up to this share.</param>
/// <remarks>
/// A connection's share of the jitter is a hash of when it began and of its descriptor, so that nothing needs to be kept for it, and it
/// stays the same through reloads.
/// </remarks>
internal sealed record LifetimeLimits(long MaxMicroseconds, int JitterPercent)
{
    /// <summary>Ticks of <see cref="TimerWheel"/> until the connection's time is over; 0: it is.</summary>
    public uint TicksLeft(int descriptor, long started, long now)
    {
        var left = EndsAt(descriptor, started) - now;
        return left <= 0 ? 0 : TimerWheel.Ticks(TimeSpan.FromMicroseconds(left));
    }

    /// <summary>When the connection's time is over, in microseconds.</summary>
    public long EndsAt(int descriptor, long started)
    {
        var hash = ((ulong)started ^ ((ulong)(uint)descriptor << 44)) * 0x9E37_79B9_7F4A_7C15;
        hash = (hash ^ (hash >> 32)) * 0xBF58_476D_1CE4_E5B9;
        var share = (hash >> 40) / (double)(1 << 24) * JitterPercent / 100;
        return started + MaxMicroseconds - (long)(MaxMicroseconds * share);
    }
}
