namespace Mooring.Operator.Scaling;

/// <summary>One serving gateway, as rebalancing sees it.</summary>
/// <param name="Name">Unique in the fleet.</param>
/// <param name="Connections">Open now.</param>
/// <param name="Capacity">Connections it takes; above 0.</param>
/// <param name="Shedding">It was told to shed, and that still holds.</param>
public sealed record BalancedGateway(string Name, int Connections, int Capacity, bool Shedding);

/// <summary>When and how fast to even out.</summary>
/// <param name="MaxSkewPercent">How far above its share of all connections a gateway may be, in percent of that share. 1 to 100.</param>
/// <param name="MovesPerSecond">Connections of the whole fleet sent elsewhere per second. Above 0.</param>
public sealed record RebalancePolicy(int MaxSkewPercent, double MovesPerSecond);

/// <param name="Gateway">Who sheds.</param>
/// <param name="Target">Down to how many connections.</param>
public sealed record ShedOrder(string Gateway, int Target);

/// <summary>What a look at the loads gives.</summary>
/// <param name="SkewPercent">How far the fullest gateway is above its share, in percent of that share.</param>
/// <param name="Sheds">Who is to shed now; whoever sheds and is not here is to stop.</param>
public sealed record RebalanceDecision(int SkewPercent, IReadOnlyList<ShedOrder> Sheds);

/// <summary>Decides on sending connections away from gateways that have more than their share, as the old ones have after a scale-out. Pure.</summary>
/// <remarks>
/// It begins above the band and stops well inside (half of it), so that it does not come and go at the edge. Where a client goes next is chance (a Service
/// spreads at random), so differences that chance makes are no skew: three standard deviations of a share begin it, one ends it.
/// </remarks>
public static class Rebalancer
{
    private const double BeginDeviations = 3;

    public static RebalanceDecision Decide(IReadOnlyList<BalancedGateway> gateways, RebalancePolicy? policy)
    {
        var capacity = gateways.Sum(static gateway => (long)gateway.Capacity);
        var connections = gateways.Sum(static gateway => (long)gateway.Connections);
        if (capacity <= 0 || connections == 0)
        {
            return new RebalanceDecision(0, []);
        }

        double Share(BalancedGateway gateway) => (double)connections * gateway.Capacity / capacity;
        var skew = (int)Math.Min(int.MaxValue, Math.Round(gateways.Max(gateway => ((gateway.Connections / Share(gateway)) - 1) * 100)));
        if (policy is null || gateways.Count < 2)
        {
            return new RebalanceDecision(skew, []);
        }

        var shedding = new List<(BalancedGateway Gateway, int Target)>();
        foreach (var gateway in gateways.OrderBy(static gateway => gateway.Name, StringComparer.Ordinal))
        {
            var share = Share(gateway);
            var band = share * policy.MaxSkewPercent / 100;
            var noise = Math.Sqrt(share);
            var target = (int)Math.Ceiling(share + Math.Max(band / 2, noise));
            var begin = share + Math.Max(band, BeginDeviations * noise);
            if (gateway.Connections > (gateway.Shedding ? target : begin))
            {
                shedding.Add((gateway, target));
            }
        }
        return new RebalanceDecision(skew, [.. shedding.Select(static one => new ShedOrder(one.Gateway.Name, one.Target))]);
    }
}
