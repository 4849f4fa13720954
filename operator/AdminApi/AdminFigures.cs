using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.AdminApi;

/// <summary>Adds up what gateways say, by the rules of the gateways' own registry (<c>gateway/Registry/FleetFigures.cs</c>). Pure.</summary>
internal static class AdminFigures
{
    // A peer's rates may add up to what is no number in JSON.
    private const double MaxPercent = 1_000_000;

    public static FleetStats Stats(AdminFleet fleet)
    {
        var servers = Speaking(fleet.View);
        var (load, capacity) = (Load(servers), Capacity(servers));
        return new FleetStats(
            servers.Count,
            capacity,
            load,
            Percent(load, capacity),
            [
                .. servers.Select(gateway => new ServerStats(
                    gateway.Name,
                    gateway.Report!.State,
                    gateway.Report.Connections,
                    gateway.Report.Capacity,
                    Percent(gateway.Report.Connections, gateway.Report.Capacity),
                    Whole(
                        gateway.Report.Listeners.Sum(static one =>
                            Rate(one.Traffic.ReceivedBitsPerSecond) + Rate(one.Traffic.SentBitsPerSecond)
                        )
                    ),
                    gateway.ConfigHash is not null && gateway.ConfigHash == fleet.View.DesiredHash
                )),
            ]
        );
    }

    /// <summary>Of one fleet, or of several together.</summary>
    public static CapacityAnswer Capacity(IReadOnlyCollection<AdminFleet> fleets)
    {
        var servers = fleets.SelectMany(static fleet => Speaking(fleet.View)).ToList();
        var (load, capacity) = (Load(servers), Capacity(servers));
        var free = fleets.Sum(static fleet => Free(fleet));
        var (used, limit) = (0.0, 0.0);
        foreach (var fleet in fleets)
        {
            var (moved, most) = Bandwidth(fleet);
            (used, limit) = (used + moved, limit + most);
        }

        return new CapacityAnswer(
            free > 0,
            fleets.Sum(Active),
            capacity,
            free,
            Percent(load, capacity),
            servers.Count,
            limit > 0 ? Math.Min(MaxPercent, Math.Round(100 * used / limit, 1)) : 0
        );
    }

    public static ClusterStatus Status(IReadOnlyCollection<AdminFleet> fleets, string mode, string version)
    {
        var overviews = fleets.Select(static fleet => fleet.Overview).ToList();
        var (connections, capacity) = (overviews.Sum(static one => one.Connections), overviews.Sum(static one => one.Capacity));
        return new ClusterStatus
        {
            Mode = mode,
            Version = version,
            Fleets = overviews.Count,
            FleetsReady = overviews.Count(static one =>
                one.Conditions.Any(static condition => condition is { Type: "Ready", Status: "True" })
            ),
            Phases = overviews
                .CountBy(static one => one.Phase)
                .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                .ToDictionary(static pair => pair.Key, static pair => pair.Value, StringComparer.Ordinal),
            GatewaysDesired = overviews.Sum(static one => one.GatewaysDesired),
            GatewaysReady = overviews.Sum(static one => one.GatewaysReady),
            GatewaysDraining = overviews.Sum(static one => one.GatewaysDraining),
            GatewaysConnected = fleets.Sum(static fleet => fleet.View.Gateways.Count),
            BackendsDesired = overviews.Sum(static one => one.BackendsDesired),
            BackendsReady = overviews.Sum(static one => one.BackendsReady),
            Connections = connections,
            Capacity = capacity,
            UtilizationPercent = Percent(connections, capacity),
        };
    }

    private static List<GatewayView> Speaking(FleetView view) => [.. view.Gateways.Where(static gateway => gateway.Report is not null)];

    private static long Load(IEnumerable<GatewayView> gateways) => gateways.Sum(static gateway => (long)gateway.Report!.Connections);

    private static long Capacity(IEnumerable<GatewayView> gateways) =>
        gateways.Sum(static gateway => (long)(IsServing(gateway) ? gateway.Report!.Capacity : gateway.Report!.Connections));

    /// <summary>Tunnels where the fleet has Tunnel listeners; elsewhere what it carries is connections.</summary>
    private static long Active(AdminFleet fleet) =>
        fleet.Entity.Spec.Listeners.Any(static listener => listener.Protocol == Protocols.Tunnel)
            ? Speaking(fleet.View).Sum(static gateway => (long)(gateway.Report!.Tunnels?.Open ?? 0))
            : Load(Speaking(fleet.View));

    private static bool IsServing(GatewayView gateway) => gateway.State == GatewayState.Serving;

    private static long Free(AdminFleet fleet)
    {
        var usable = 100 - (fleet.Entity.Spec.Gateway.Capacity?.ReservedPercent ?? 0);
        return Speaking(fleet.View)
            .Where(IsServing)
            .Sum(gateway => Math.Max(0, ((long)gateway.Report!.Capacity * usable / 100) - gateway.Report.Connections));
    }

    /// <summary>
    /// Bits per second that are moved, and the limit: what the whole fleet is there for, where the spec says it; else of the listeners' directions that have a
    /// limit, which each gateway has for itself.
    /// </summary>
    private static (double Moved, double Limit) Bandwidth(AdminFleet fleet)
    {
        if (Bits(fleet.Entity.Spec.Gateway.Capacity?.Tunnels?.TotalBandwidthBitsPerSecond) is > 0 and var total)
        {
            var traffic = Speaking(fleet.View).SelectMany(static gateway => gateway.Report!.Listeners).Select(static load => load.Traffic);
            return (traffic.Sum(static one => Rate(one.ReceivedBitsPerSecond) + Rate(one.SentBitsPerSecond)), total);
        }

        var (moved, limit) = (0.0, 0.0);
        var serving = Speaking(fleet.View).Where(IsServing).ToList();
        foreach (var (name, most) in fleet.Entity.Spec.Listeners.Select(static one => (one.Name, one.Limits?.Bandwidth)))
        {
            var (receive, send) = (Bits(most?.ReceiveBitsPerSecond), Bits(most?.SendBitsPerSecond));
            foreach (var load in serving.SelectMany(static gateway => gateway.Report!.Listeners).Where(load => load.Name == name))
            {
                moved += receive > 0 ? Rate(load.Traffic.ReceivedBitsPerSecond) : 0;
                moved += send > 0 ? Rate(load.Traffic.SentBitsPerSecond) : 0;
            }

            limit += ((double)receive + send) * serving.Count;
        }

        return (moved, limit);
    }

    private static long Bits(IntOrString? limit) => limit is { } value ? Quantity.ToInt64(value.ToString()) ?? 0 : 0;

    // A peer's number may be any.
    private static double Rate(double reported) => double.IsFinite(reported) && reported > 0 ? reported : 0;

    private static long Whole(double value) => value >= long.MaxValue ? long.MaxValue : (long)Math.Round(value);

    private static double Percent(long part, long whole) => whole > 0 ? Math.Round(100.0 * part / whole, 1) : 100;
}
