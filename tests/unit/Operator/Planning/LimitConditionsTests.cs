using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class LimitConditionsTests
{
    [Theory]
    [InlineData(40_000, null, "True", "AsWanted", "")]
    [InlineData(28_000, null, "False", "CapacityCapped", "g-1 takes 28000")]
    [InlineData(40_000, CapacityBound.Ports, "False", "LimitsTooLow", "local ports")]
    [InlineData(40_000, CapacityBound.Memory, "False", "LimitsTooLow", "memory")]
    [InlineData(40_000, CapacityBound.Tracking, "False", "LimitsTooLow", "nf_conntrack_max")]
    public void LimitsSufficient_ANumber_IsHeldAgainstWhatGatewaysReport(
        int capacity,
        CapacityBound? bound,
        string status,
        string reason,
        string message
    )
    {
        var input = new FleetInput
        {
            Fleet = Fleets.Load(
                Fleets.Small.Replace(
                    "  listeners:",
                    "  gateway: {capacity: {maxConnections: 40000}}\n  listeners:",
                    StringComparison.Ordinal
                )
            ),
        };
        var plan = FleetPlanner.Plan(input);
        var found = LimitConditions
            .Calculate(
                new StatusInput
                {
                    Input = input,
                    Plan = plan,
                    View = new FleetView
                    {
                        Fleet = "shop/small",
                        DesiredHash = plan.ConfigHash,
                        Gateways = [Gateway("g-0", 40_000, null), Gateway("g-1", capacity, bound)],
                    },
                    Now = DateTimeOffset.UnixEpoch,
                },
                null
            )
            .ShouldHaveSingleItem();

        (found.Status, found.Reason).ShouldBe((status, reason), found.Message);
        found.Message!.ShouldContain(message);
        if (bound is not null)
        {
            found.Message.ShouldContain("1 of 2 gateways");
            found.Message.ShouldEndWith(" for 28232");
        }

        GatewayView Gateway(string name, int takes, CapacityBound? lacks) =>
            new()
            {
                Hello = new HelloMessage
                {
                    Fleet = "shop/small",
                    Gateway = name,
                    Version = "1",
                },
                ConnectedAt = DateTimeOffset.UnixEpoch,
                SeenAt = DateTimeOffset.UnixEpoch,
                ConfigHash = plan.ConfigHash,
                Report = new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = 0,
                    Capacity = takes,
                    Shortfall = lacks is { } by ? new CapacityShortfall(28_232, by) : null,
                },
            };
    }
}
