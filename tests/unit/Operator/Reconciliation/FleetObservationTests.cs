using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class FleetObservationTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void StatusAfter_GatewayThatTookTheConfigMeanwhile_CountsAsAcked()
    {
        var input = new FleetInput
        {
            Fleet = Fleets.Load(Fleets.Small),
            DefaultGatewayImage = "gateway",
            Now = Now,
        };
        var plan = FleetPlanner.Plan(input);
        var before = View(plan.ConfigHash, "old");
        var observed = new FleetObservation
        {
            Seen = input with { View = before },
            Errors = [],
            Input = input,
            View = before,
            Now = Now,
        };

        Acked(before).ShouldBe("0/1");
        Acked(View(plan.ConfigHash, plan.ConfigHash)).ShouldBe("1/1");

        string? Acked(FleetView view) =>
            FleetStatusCalculator
                .Calculate(observed.StatusAfter(plan, new Dictionary<string, IReadOnlyList<EndpointInfo>>(), ApplyReport.Nothing, view))
                .Config?.Acked;
    }

    private static FleetView View(string desired, string inForce) =>
        new()
        {
            Fleet = "shop/small",
            DesiredHash = desired,
            Gateways =
            [
                new GatewayView
                {
                    Hello = new HelloMessage
                    {
                        Fleet = "shop/small",
                        Gateway = "small-1",
                        Version = "1",
                    },
                    ConnectedAt = Now,
                    SeenAt = Now,
                    ConfigHash = inForce,
                },
            ],
        };
}
