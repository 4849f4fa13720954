// Hot path: per connection. See tests/benchmarks.
namespace Mooring.Gateway.Balancing;

/// <summary>Each endpoint in turn, in proportion to its weight and spread evenly over the round.</summary>
/// <remarks>
/// Static stride scheduling: the n-th visit of an endpoint is taken when n × weight steps over a multiple of the greatest weight. All
/// state is one number, so loops share it with one atomic step, and endpoints may come and go. Pure: the caller keeps the number.
/// </remarks>
internal static class RoundRobin
{
    /// <summary>Index of the choice, or -1 when no endpoint is available.</summary>
    /// <param name="endpoints">What to choose from.</param>
    /// <param name="maxWeight">The greatest weight among them.</param>
    /// <param name="sequence">Visits so far; shared by all who choose from these endpoints.</param>
    public static int Pick<TView>(TView endpoints, int maxWeight, ref long sequence)
        where TView : struct, IEndpointView
    {
        var count = endpoints.Count;
        if (count == 0)
        {
            return -1;
        }

        // Of those that are in, all of at least a quarter of the greatest weight are taken within these rounds.
        long visit = 0;
        for (var i = 0; i < 4L * count; i++)
        {
            visit = Interlocked.Increment(ref sequence) - 1;
            var (round, index) = Math.DivRem(visit, count);
            if (Takes(round, endpoints.Weight((int)index), maxWeight) && endpoints.Available((int)index))
            {
                return (int)index;
            }
        }

        return PickAny(endpoints, (ulong)visit);
    }

    /// <summary>The heavy ones are out: one of the others by chance, in proportion to its weight.</summary>
    private static int PickAny<TView>(TView endpoints, ulong visit)
        where TView : struct, IEndpointView
    {
        long sum = 0;
        for (var index = 0; index < endpoints.Count; index++)
        {
            sum += endpoints.Available(index) ? endpoints.Weight(index) : 0;
        }

        if (sum == 0)
        {
            return -1;
        }

        // The finalizer of SplitMix64: visits are a fixed number apart.
        var mixed = visit + 0x9E37_79B9_7F4A_7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        var left = (long)((mixed ^ (mixed >> 31)) % (ulong)sum);
        var last = -1;
        for (var index = 0; index < endpoints.Count && left >= 0; index++)
        {
            // Another thread may have put one out since they were counted.
            if (endpoints.Available(index))
            {
                last = index;
                left -= endpoints.Weight(index);
            }
        }

        return last;
    }

    private static bool Takes(long round, int weight, int maxWeight) => (round + 1) * weight / maxWeight > round * weight / maxWeight;
}
