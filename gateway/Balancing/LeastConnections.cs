// Hot path: per connection. See tests/benchmarks.
namespace Mooring.Gateway.Balancing;

/// <summary>The endpoint with the fewest connections in proportion to its weight.</summary>
/// <remarks>
/// Of few endpoints, exactly that. Of many, the better of two drawn at random: nearly as even, in constant time, and many gateways
/// that know only their own counts don't all run to the same newcomer. Pure: randomness is an argument.
/// </remarks>
internal static class LeastConnections
{
    /// <summary>Up to this many endpoints all are compared; about what two random cache misses cost.</summary>
    public const int ExactUpTo = 16;

    /// <summary>Index of the choice, or -1 when no endpoint is available.</summary>
    /// <param name="endpoints">What to choose from.</param>
    /// <param name="random">Any 64 random bits.</param>
    public static int Pick<TView>(TView endpoints, ulong random)
        where TView : struct, IEndpointView
    {
        var count = endpoints.Count;
        if (count == 0)
        {
            return -1;
        }

        if (count > ExactUpTo)
        {
            var first = Scale((uint)random, count);
            var second = Scale((uint)(random >> 32), count - 1);
            // The second of the others: never the same twice.
            second += second >= first ? 1 : 0;
            var firstAvailable = endpoints.Available(first);
            var secondAvailable = endpoints.Available(second);
            if (firstAvailable || secondAvailable)
            {
                return !secondAvailable || (firstAvailable && Less(endpoints, first, second)) ? first : second;
            }
        }

        // From a random start, so that equals share evenly.
        var best = -1;
        var at = Scale((uint)random, count);
        for (var i = 0; i < count; i++)
        {
            if (endpoints.Available(at) && (best < 0 || Less(endpoints, at, best)))
            {
                best = at;
            }

            at = at + 1 == count ? 0 : at + 1;
        }

        return best;
    }

    // (connections + 1) / weight, compared without dividing: with all empty, the heavier one goes first.
    private static bool Less<TView>(TView endpoints, int left, int right)
        where TView : struct, IEndpointView =>
        ((long)endpoints.Connections(left) + 1) * endpoints.Weight(right)
        < ((long)endpoints.Connections(right) + 1) * endpoints.Weight(left);

    private static int Scale(uint random, int count) => (int)(((ulong)random * (uint)count) >> 32);
}
