using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Faults;

/// <summary>A clock that is set back holds nothing up; one that is set forward acts once.</summary>
public sealed class ClockTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Theory]
    [InlineData(-365)]
    [InlineData(-1)]
    [InlineData(1)]
    public void Status_WrittenBeforeTheJump_IsNotHeldBackForIt(int days) =>
        StatusWriteRule.Delay(Status(100), Status(200), Now, Now.AddDays(days)).ShouldBe(TimeSpan.Zero);

    [Theory]
    [InlineData(-365)]
    [InlineData(1)]
    public void Correction_BeforeTheJump_HoldsNoneBack(int days)
    {
        var memory = new AppliedObjects();
        var key = new ObjectKey("shop", "small");
        for (var i = 0; i < 20; i++)
        {
            memory.NoteCorrection("Service", key, Now);
        }

        memory.IsContested("Service", key, Now).ShouldBeTrue();
        memory.IsContested("Service", key, Now.AddDays(days)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(-365)]
    [InlineData(-1)]
    public void Order_GivenBeforeTheClockWasSetBack_IsRenewedAtOnce(int days)
    {
        var hub = new GatewayHub(TimeProvider.System);
        var time = new ManualTime();
        var sender = new DirectiveSender(hub, 7, time);
        var order = new GatewayOrder("g", DirectiveKind.Cordon, "rollout");
        var given = new DirectiveMessage
        {
            Kind = DirectiveKind.Cordon,
            Epoch = 7,
            Sequence = 1,
        };

        var again = sender.Send("shop/small", [order], View(given, time.GetUtcNow().AddDays(-days)));

        again.ShouldBe(DirectiveSender.Renewal);
        hub.Direct("shop/small", "g", given).ShouldBeFalse("a newer order was given");
    }

    [Fact]
    public void Order_GivenJustNow_IsNotGivenAgain()
    {
        var hub = new GatewayHub(TimeProvider.System);
        var time = new ManualTime();
        var given = new DirectiveMessage
        {
            Kind = DirectiveKind.Cordon,
            Epoch = 7,
            Sequence = 1,
        };

        new DirectiveSender(hub, 7, time).Send(
            "shop/small",
            [new GatewayOrder("g", DirectiveKind.Cordon, "rollout")],
            View(given, time.GetUtcNow())
        );

        hub.Direct("shop/small", "g", given).ShouldBeTrue("nothing was given");
    }

    private static FleetView View(DirectiveMessage given, DateTimeOffset at) =>
        new()
        {
            Fleet = "shop/small",
            Gateways =
            [
                new GatewayView
                {
                    Hello = new HelloMessage
                    {
                        Fleet = "shop/small",
                        Gateway = "g",
                        Version = "1",
                    },
                    ConnectedAt = at,
                    SeenAt = at,
                    Directive = given,
                    DirectedAt = at,
                },
            ],
        };

    private static FleetStatus Status(int connections) =>
        new()
        {
            Phase = "Ready",
            Connections = new ConnectionsStatus { Current = connections, Capacity = 10_000 },
        };
}
