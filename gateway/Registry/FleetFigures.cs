using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Registry;

/// <summary>A fleet in figures. Immutable.</summary>
/// <param name="ServerCount">Gateways that are there.</param>
/// <param name="TotalCapacity">Work they take at most; of those that drain, only what they still carry.</param>
/// <param name="TotalLoad">Work they carry.</param>
/// <param name="UtilizationPercent">The latter of the former, one decimal; 100 for a fleet without capacity.</param>
/// <param name="Servers">Each of them, by name.</param>
internal sealed record FleetStats(
    int ServerCount,
    long TotalCapacity,
    long TotalLoad,
    double UtilizationPercent,
    IReadOnlyList<ServerStats> Servers
);

/// <summary>One gateway of <see cref="FleetStats"/>.</summary>
internal sealed record ServerStats(
    string Name,
    string Address,
    GatewayState State,
    int Load,
    int Capacity,
    double UtilizationPercent,
    long BandwidthBitsPerSecond,
    long Generation
);

/// <summary>Whether a fleet can take more. Immutable.</summary>
/// <param name="HasCapacity">At least one slot is free beyond the reserve.</param>
/// <param name="ActiveTunnels">Open tunnels where gateways of the fleet have Tunnel listeners; elsewhere the work that is carried.</param>
/// <param name="TotalCapacity">As in <see cref="FleetStats"/>.</param>
/// <param name="AvailableSlots">Work that serving gateways would still take, the reserve kept.</param>
/// <param name="UtilizationPercent">As in <see cref="FleetStats"/>.</param>
/// <param name="ServerCount">Gateways that are there.</param>
/// <param name="BandwidthUtilization">Percent of the fleet's bandwidth that is moved now; where it has no limit, of what its gateways may move; 0 where none of them has one either.</param>
internal sealed record CapacityAnswer(
    bool HasCapacity,
    long ActiveTunnels,
    long TotalCapacity,
    long AvailableSlots,
    double UtilizationPercent,
    int ServerCount,
    double BandwidthUtilization
);

/// <summary>Adds up what the registry knows of a fleet. Pure and thread-safe.</summary>
internal static class FleetFigures
{
    public static FleetStats Stats(IReadOnlyList<GatewayRecord> gateways)
    {
        var load = gateways.Sum(gateway => (long)gateway.Load);
        var capacity = gateways.Sum(Counted);
        return new FleetStats(
            gateways.Count,
            capacity,
            load,
            Percent(load, capacity),
            [
                .. gateways
                    .OrderBy(gateway => gateway.Name, StringComparer.Ordinal)
                    .Select(gateway => new ServerStats(
                        gateway.Name,
                        gateway.Address,
                        gateway.State,
                        gateway.Load,
                        gateway.Capacity,
                        Percent(gateway.Load, gateway.Capacity),
                        gateway.Bandwidth,
                        gateway.Generation
                    )),
            ]
        );
    }

    /// <param name="gateways">All of the fleet.</param>
    /// <param name="reservedPercent">Share of each gateway's capacity that is kept free: 0 to 90.</param>
    /// <param name="totalBandwidth">Bits per second that the fleet is there for; 0: no limit.</param>
    public static CapacityAnswer Capacity(IReadOnlyList<GatewayRecord> gateways, int reservedPercent, long totalBandwidth)
    {
        var load = gateways.Sum(gateway => (long)gateway.Load);
        var capacity = gateways.Sum(Counted);
        var serving = gateways.Where(gateway => gateway.State == GatewayState.Serving).ToList();
        var free = serving.Sum(gateway => Math.Max(0, (long)gateway.Capacity * (100 - reservedPercent) / 100 - gateway.Load));
        var moved = totalBandwidth > 0 ? Percent(gateways.Sum(Moved), totalBandwidth) : OfLimits(serving);
        var active = gateways.Any(gateway => gateway.Peer is not null) ? gateways.Sum(gateway => (long)(gateway.Peer?.Tunnels ?? 0)) : load;
        return new CapacityAnswer(free > 0, active, capacity, free, Percent(load, capacity), gateways.Count, moved);
    }

    private static double OfLimits(IEnumerable<GatewayRecord> serving)
    {
        var limited = serving.Where(gateway => gateway.BandwidthCapacity > 0).ToList();
        return limited.Count == 0 ? 0 : Percent(limited.Sum(Moved), limited.Sum(gateway => (double)gateway.BandwidthCapacity));
    }

    private static long Counted(GatewayRecord gateway) => gateway.State == GatewayState.Serving ? gateway.Capacity : gateway.Load;

    // Others' figures may add up to more than a whole number takes.
    private static double Moved(GatewayRecord gateway) => gateway.Bandwidth;

    private static double Percent(double part, double whole) => whole > 0 ? Math.Round(100.0 * part / whole, 1) : 100;
}
