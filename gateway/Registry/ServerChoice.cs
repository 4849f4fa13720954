namespace Mooring.Gateway.Registry;

/// <summary>Chooses the gateway for new work. Pure and thread-safe.</summary>
internal static class ServerChoice
{
    /// <summary>Utilisations this near to each other are equal: figures are seconds old, so the order of near ones means nothing.</summary>
    public const double EqualWithin = 0.02;

    /// <summary>
    /// The gateway with the lowest utilisation of those that take work; among equals the less loaded of two drawn by lot, so that all who
    /// choose by the same figures don't choose the same one. Null: none takes work.
    /// </summary>
    /// <param name="gateways">All of the fleet.</param>
    /// <param name="random">For the lot: each value 0 to 1, less than 1.</param>
    /// <param name="except">One that is not wanted, by name.</param>
    public static GatewayRecord? Best(IReadOnlyList<GatewayRecord> gateways, Func<double> random, string? except = null)
    {
        var able = gateways.Where(gateway => gateway.TakesWork && gateway.Name != except).ToList();
        if (able.Count == 0)
        {
            return null;
        }

        var lowest = able.Min(gateway => gateway.Utilization);
        var equals = able.Where(gateway => gateway.Utilization <= lowest + EqualWithin).OrderBy(gateway => gateway.Name).ToList();
        var first = Draw(equals.Count);
        var one = equals[first];
        if (equals.Count == 1)
        {
            return one;
        }

        // Two different ones: the second is drawn from the rest.
        var second = Draw(equals.Count - 1);
        var other = equals[second < first ? second : second + 1];
        return other.Utilization < one.Utilization ? other : one;

        int Draw(int count) => Math.Min(count - 1, (int)(random() * count));
    }
}
