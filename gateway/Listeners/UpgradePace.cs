using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Listeners;

/// <summary>Spreads a storm of new WebSockets over time: each request gets a turn, and is held until then. Pure.</summary>
/// <remarks>
/// Clients ignore hints: browsers hide a 503 and its Retry-After, and most libraries are back within a second whatever they are told. A handshake that
/// takes a while they bear, as long as it is less than the 4 to 5 seconds after which they give up.
/// </remarks>
internal static class UpgradePace
{
    /// <summary>Reserves the next turn. Nanoseconds until then; -1, changing nothing: all that may be held are.</summary>
    /// <param name="features">With an upgrade rate.</param>
    /// <param name="bucket">Shared by all loops: see <see cref="RateLimit.TryTake"/>, with the difference that it may be overdrawn by the hold.</param>
    /// <param name="now">Microseconds of the loops' clock.</param>
    public static long Reserve(WebSocketFeatures features, ref long bucket, long now)
    {
        var rate = features.UpgradeRate;
        var nanoseconds = now * 1000;
        while (true)
        {
            var seen = Volatile.Read(ref bucket);
            var full = Math.Max(seen, nanoseconds);
            var wait = Math.Max(0, full - nanoseconds - rate.ToleranceNanoseconds);
            if (wait > features.HoldNanoseconds)
            {
                return -1;
            }

            if (Interlocked.CompareExchange(ref bucket, full + rate.IntervalNanoseconds, seen) == seen)
            {
                return wait;
            }
        }
    }
}
