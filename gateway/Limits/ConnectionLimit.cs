// Hot path: per connection. See tests/benchmarks.
namespace Mooring.Gateway.Limits;

/// <summary>A count of open connections with a cap that may change at any time.</summary>
/// <remarks>Thread-safe and lock-free. A cap lowered below the count takes nothing away: it refuses until enough have ended.</remarks>
internal sealed class ConnectionLimit
{
    private int _inUse;

    public int InUse => Volatile.Read(ref _inUse);

    /// <summary>Takes one. False, changing nothing, at or above <paramref name="limit"/>; 0: no limit.</summary>
    public bool TryAcquire(int limit)
    {
        // Increment-then-check would let a burst of refused ones push out a rightful one for a moment.
        var seen = Volatile.Read(ref _inUse);
        while (limit == 0 || seen < limit)
        {
            var previous = Interlocked.CompareExchange(ref _inUse, seen + 1, seen);
            if (previous == seen)
            {
                return true;
            }

            seen = previous;
        }

        return false;
    }

    public void Release() => Interlocked.Decrement(ref _inUse);
}
