using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Scaling;

public sealed class GatewayOrdersTests
{
    private const double Rate = 100;
    private static readonly DateTimeOffset Now = new(2026, 11, 22, 8, 0, 0, TimeSpan.Zero);

    /// <summary>Gateways let go of what is open of a removed listener at the config's pace, and ask nobody: what drains meanwhile has the rest.</summary>
    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 75)]
    [InlineData(3, 25)]
    public void Drain_WhileOthersClearAListener_HasTheRestOfTheRate(int clearing, double share)
    {
        var decision = Decide(clearing, inForce: Rate);

        decision
            .Orders.Single(static order => order.Kind == DirectiveKind.Drain)
            .ShouldSatisfyAllConditions(static order => order.Gateway.ShouldBe("g0"), order => order.ClosesPerSecond.ShouldBe(share));
        decision.Orders.Count.ShouldBe(1);
    }

    [Fact]
    public void Drain_ThatHasNotBegun_WaitsWhereNothingIsLeftOfTheRate() =>
        Decide(clearing: 4, inForce: 0).Orders.Single(static order => order.Gateway == "g0").Kind.ShouldBe(DirectiveKind.Cordon);

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void Rebalance_WhileAListenerIsCleared_Waits(int clearing, bool sheds)
    {
        var decision = GatewayOrders.Decide(
            Input(
                [Serving("g0", 90, closing: 0), Serving("g1", 10, closing: 25 * clearing)],
                [Ready("g0", 90), Ready("g1", 10)],
                new RebalancePolicy(10, 50)
            )
        );

        decision.Orders.Any(static order => order.Kind == DirectiveKind.Shed).ShouldBe(sheds);
    }

    private static OrdersDecision Decide(int clearing, double inForce)
    {
        var drained = View("g0", 50, inForce, inForce > 0 ? DirectiveKind.Drain : DirectiveKind.Cordon);
        var mark = new DrainMark(DrainCauses.Rollout, Now) { DrainStartedAt = Now, Deadline = Now.AddMinutes(9) };
        return GatewayOrders.Decide(
            Input(
                [drained, .. Enumerable.Range(1, 4).Select(i => Serving($"g{i}", 50, i <= clearing ? Rate / 4 : 0))],
                [Ready("g0", 50) with { Mark = mark }, .. Enumerable.Range(1, 4).Select(i => Ready($"g{i}", 50))],
                null
            )
        );
    }

    private static OrdersInput Input(
        IReadOnlyList<GatewayView> views,
        IReadOnlyList<SequenceGateway> gateways,
        RebalancePolicy? rebalance
    ) =>
        new()
        {
            Gateways = gateways,
            View = new FleetView { Fleet = "default/test", Gateways = views },
            Rate = Rate,
            PaceAlone = Rate / 4,
            Rebalance = rebalance,
        };

    private static SequenceGateway Ready(string name, int connections) =>
        new()
        {
            Name = name,
            Revision = "a",
            Stage = GatewayStage.Ready,
            Load = new GatewayLoad(connections, 100, GatewayState.Serving),
        };

    private static GatewayView Serving(string name, int connections, double closing) => View(name, connections, closing, null);

    private static GatewayView View(string name, int connections, double closing, DirectiveKind? told) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "default/test",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = Now,
            SeenAt = Now,
            Directive = told is { } kind
                ? new DirectiveMessage
                {
                    Kind = kind,
                    Epoch = 1,
                    Sequence = 1,
                    ClosesPerSecond = closing,
                }
                : null,
            Report = new ReportMessage
            {
                State = told is null ? GatewayState.Serving : GatewayState.Draining,
                DirectiveEpoch = 1,
                DirectiveSequence = 1,
                Connections = connections,
                Capacity = 100,
                ClosesPerSecond = closing,
            },
        };
}
