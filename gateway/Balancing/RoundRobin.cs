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

        // Every endpoint is taken within maxWeight rounds; the few rounds tried here find one unless most are out.
        var visits = 4L * count + maxWeight;
        for (long i = 0; i < visits; i++)
        {
            var (round, index) = Math.DivRem(Interlocked.Increment(ref sequence) - 1, count);
            if (Takes(round, endpoints.Weight((int)index), maxWeight) && endpoints.Available((int)index))
            {
                return (int)index;
            }
        }

        for (var index = 0; index < count; index++)
        {
            if (endpoints.Available(index))
            {
                return index;
            }
        }

        return -1;
    }

    private static bool Takes(long round, int weight, int maxWeight) => (round + 1) * weight / maxWeight > round * weight / maxWeight;
}
