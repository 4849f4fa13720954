using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.AdminApi;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Tests.AdminApi;

public sealed class AdminFiguresTests
{
    [Fact]
    public void Stats_OfThoseThatDrainOnlyWhatTheyCarryCounts()
    {
        var stats = AdminFigures.Stats(FakeAdministration.MakeFleet());
        (stats.ServerCount, stats.TotalCapacity, stats.TotalLoad, stats.UtilizationPercent).ShouldBe((3, 207L, 127L, 61.4));
        stats.Servers.Select(static server => server.Name).ShouldBe(["g-0", "g-1", "g-2"]);
        stats.Servers[0].ShouldBe(new ServerStats("g-0", GatewayState.Serving, 30, 100, 30, 6_000_000, true));
    }

    [Fact]
    public void Capacity_KeepsEachGatewaysReserve()
    {
        var capacity = AdminFigures.Capacity([FakeAdministration.MakeFleet(reservedPercent: 20)]);
        // 100 less 20 less 30; the second is above its share already, and takes nothing from the first.
        capacity.ShouldBe(new CapacityAnswer(true, 127, 207, 50, 61.4, 3, 0));
    }

    [Fact]
    public void Capacity_BandwidthIsOfTheLimitedDirections()
    {
        var limit = new BandwidthSpec { ReceiveBitsPerSecond = new IntOrString("10M") };
        AdminFigures.Capacity([FakeAdministration.MakeFleet(limit: limit)]).BandwidthUtilization.ShouldBe(25);
    }

    [Fact]
    public void Capacity_BandwidthIsOfWhatTheFleetIsThereFor()
    {
        var fleet = FakeAdministration.MakeFleet(limit: new BandwidthSpec { ReceiveBitsPerSecond = new IntOrString("10M") });
        fleet.Entity.Spec.Gateway.Capacity!.Tunnels = new TunnelCapacitySpec { TotalBandwidthBitsPerSecond = new IntOrString("100M") };
        var moved = AdminFigures.Stats(fleet).Servers.Sum(static server => server.BandwidthBitsPerSecond);
        moved.ShouldBeGreaterThan(6_000_000);
        AdminFigures.Capacity([fleet]).BandwidthUtilization.ShouldBe(moved / 1_000_000.0);
    }

    [Fact]
    public void Capacity_WhereThereAreTunnels_TheyAreWhatIsActive()
    {
        var fleet = FakeAdministration.MakeFleet();
        fleet.Entity.Spec.Listeners =
        [
            .. fleet.Entity.Spec.Listeners,
            new ListenerSpec
            {
                Name = "bore",
                Protocol = Protocols.Tunnel,
                Port = 7835,
            },
        ];
        var open = new Queue<int>([3, 4, 5]);
        var tunnels = fleet with
        {
            View = fleet.View with
            {
                Gateways =
                [
                    .. fleet.View.Gateways.Select(gateway =>
                        gateway.Report is { } report
                            ? gateway with
                            {
                                Report = report with
                                {
                                    Tunnels = new TunnelsLoad { Open = open.Dequeue(), Capacity = 100 },
                                },
                            }
                            : gateway
                    ),
                ],
            },
        };

        AdminFigures.Capacity([tunnels]).ShouldBe(new CapacityAnswer(true, 12, 207, 80, 61.4, 3, 0), "slots are of connections");
        // Of several fleets together, each counts what it is for.
        AdminFigures.Capacity([tunnels, FakeAdministration.MakeFleet()]).ActiveTunnels.ShouldBe(12 + 127);
    }

    [Fact]
    public void Capacity_OfNobody_IsNone()
    {
        AdminFigures.Capacity([]).ShouldBe(new CapacityAnswer(false, 0, 0, 0, 100, 0, 0));
        var fleet = FakeAdministration.MakeFleet();
        AdminFigures.Stats(fleet with { View = fleet.View with { Gateways = [] } }).Servers.ShouldBeEmpty();
    }

    [Fact]
    public void Stats_ReportsThatCannotBe_AreCutOff()
    {
        var fleet = FakeAdministration.MakeFleet(
            0,
            null,
            FakeAdministration.Gateway("g-9", GatewayState.Serving, 1, 0, double.PositiveInfinity)
        );
        AdminFigures.Stats(fleet).Servers[^1].ShouldBe(new ServerStats("g-9", GatewayState.Serving, 1, 0, 100, 0, true));
        fleet = FakeAdministration.MakeFleet(0, null, FakeAdministration.Gateway("g-9", GatewayState.Serving, 1, 1, double.MaxValue));
        AdminFigures.Stats(fleet).Servers[^1].BandwidthBitsPerSecond.ShouldBe(long.MaxValue);
    }

    [Fact]
    public void Status_SumsTheFleets()
    {
        var fleet = FakeAdministration.MakeFleet();
        var status = AdminFigures.Status([fleet, fleet], "cluster", "1.2.3");
        (status.Fleets, status.FleetsReady, status.GatewaysConnected, status.Connections, status.Capacity).ShouldBe((2, 0, 8, 254L, 400L));
        status.Phases.ShouldBe(new Dictionary<string, int> { ["Pending"] = 2 });
    }
}
