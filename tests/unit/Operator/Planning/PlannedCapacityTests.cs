using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class PlannedCapacityTests
{
    [Fact]
    public void Of_Number_IsIt() => PlannedCapacity.Of(Fleet(new CapacitySpec { MaxConnections = 123 })).ShouldBe(123);

    [Fact]
    public void Of_AutoHeardOf_IsWhatGatewaysTook() =>
        PlannedCapacity
            .Of(
                Fleet(new CapacitySpec { MaxConnections = "Auto" }) with
                {
                    Status = new FleetStatus
                    {
                        Connections = new ConnectionsStatus { Capacity = 9000 },
                        Gateways = new GatewaysStatus { Ready = 3 },
                    },
                }
            )
            .ShouldBe(3000);

    [Fact]
    public void Of_AutoWithMemoryLimit_IsWhatFitsIn()
    {
        var fleet = Fleet(null);
        fleet.Spec.Gateway.Resources = new ResourcesSpec { Limits = new Dictionary<string, IntOrString> { ["memory"] = "256Mi" } };

        PlannedCapacity.Of(fleet).ShouldBe((int)(((256L << 20) / 100 * 90 - (64L << 20)) / 16384));
    }

    [Fact]
    public void Of_AutoWithoutAnything_IsProductions() => PlannedCapacity.Of(Fleet(null)).ShouldBe(8250);

    private static ConnectionFleet Fleet(CapacitySpec? capacity) =>
        new() { Spec = new FleetSpec { Gateway = new GatewaySpec { Capacity = capacity } } };
}
