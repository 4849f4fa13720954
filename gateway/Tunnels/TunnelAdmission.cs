using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tunnels;

/// <summary>Whether a fleet has room for one more tunnel. Pure.</summary>
internal static class TunnelAdmission
{
    /// <summary>
    /// Why there is no room; null: there is. Goes by the bandwidth that all gateways move now, and keeps the reserve; where that is not known, by
    /// what the tunnels that are open here could move of this gateway's even part.
    /// </summary>
    /// <param name="registry">What is known of the fleet.</param>
    /// <param name="capacity">What it is there for.</param>
    /// <param name="open">Tunnels that are open here, or being opened.</param>
    public static (string Reason, string Text)? WhyFull(TunnelRegistry registry, TunnelCapacityConfig capacity, int open)
    {
        var total = capacity.TotalBandwidthBitsPerSecond;
        if (total == 0)
        {
            return null;
        }

        var usable = total / 100.0 * (100 - registry.ReservedPercent);
        if (!registry.IsStale)
        {
            var moved = registry.Gateways.Sum(static gateway => (double)gateway.Bandwidth);
            return moved >= usable ? ("fleet_bandwidth", "the fleet's bandwidth is used up: try again later") : null;
        }

        var own = usable / Math.Max(1, registry.Gateways.Count);
        var committed = (open + 1.0) * capacity.MaxBandwidthBitsPerSecond;
        return committed > own ? ("fleet_bandwidth", "the fleet's load is not known: no more tunnels here until it is") : null;
    }
}
