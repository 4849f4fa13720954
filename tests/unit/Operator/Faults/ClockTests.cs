using System.Net.WebSockets;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;
using Mooring.Operator.Tests.Scaling;
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

    [Fact]
    public void Drain_IsGivenWithWhatRemainsOfIt()
    {
        var hub = new GatewayHub(TimeProvider.System);
        var time = new ManualTime();
        var order = new GatewayOrder("g", DirectiveKind.Drain, "rollout", time.GetUtcNow().AddSeconds(90));
        hub.Join(Session(hub, time));

        new DirectiveSender(hub, 7, time).Send("shop/small", [order], hub.View("shop/small"));
        Given().Remaining.ShouldBe(TimeSpan.FromSeconds(90));

        time.Advance(TimeSpan.FromSeconds(100));
        new DirectiveSender(hub, 8, time).Send("shop/small", [order], hub.View("shop/small"));
        Given().Remaining.ShouldBe(TimeSpan.Zero, "it is over");

        DirectiveMessage Given() => hub.View("shop/small").Gateways.ShouldHaveSingleItem().Directive.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Sequence_ClockSetBackAnHour_WaitsNoLongerThanAtFirst(int started)
    {
        var began = Now.AddHours(1);
        var mark =
            started == 0
                ? new DrainMark(DrainCauses.Rollout, began)
                : new DrainMark(DrainCauses.Rollout, began.AddSeconds(-3), began, began.AddSeconds(60));

        var step = DrainSequence.Decide(Draining(Now, mark));

        var anew = step.Marks.ShouldHaveSingleItem().After.ShouldNotBeNull();
        anew.CordonedAt.ShouldBe(Now);
        anew.Deadline.ShouldBe(started == 0 ? null : Now.AddSeconds(60));
        step.After.ShouldNotBeNull().ShouldBeLessThanOrEqualTo(TimeSpan.FromSeconds(started == 0 ? 3 : 70));
        DrainSequence.Decide(Draining(Now, anew)).Marks.ShouldBeEmpty("it is marked anew once");
    }

    [Fact]
    public void Sequence_ClocksOfTwoLeadersDifferALittle_TheMarkStays() =>
        DrainSequence.Decide(Draining(Now, new DrainMark(DrainCauses.Rollout, Now.AddSeconds(4)))).Marks.ShouldBeEmpty();

    [Fact]
    public void Rollout_ClockSetBackAllTheTime_Ends()
    {
        var fleet = new SimulatedFleet(5, 4, 800).Settle();
        fleet.Revision = "b";
        var turns = 0;
        for (; turns < 1500 && !(fleet.IsSettled && turns > 0); turns++)
        {
            fleet.Step();
            if (turns % 40 == 20)
            {
                fleet.SetClock(TimeSpan.FromHours(-1));
            }
        }

        fleet.IsSettled.ShouldBeTrue();
        fleet.Faults.ShouldBeEmpty();
    }

    [Fact]
    public void Gateway_GoneBeforeTheClockWasSetBack_IsGoneSinceThen()
    {
        var time = new ManualTime();
        var hub = new GatewayHub(time);
        var session = Session(hub, time);
        hub.SetDesired("shop/small", Tests.Gateways.StreamFixture.Desired(5));
        hub.Join(session);
        hub.Leave(session);

        time.SetForward(TimeSpan.FromHours(-1));
        hub.View("shop/small").Departed.ShouldHaveSingleItem().At.ShouldBe(time.GetUtcNow());
        time.Advance(TimeSpan.FromSeconds(20));
        hub.View("shop/small").Departed.ShouldHaveSingleItem().At.ShouldBe(time.GetUtcNow().AddSeconds(-20));
    }

    private static GatewaySession Session(GatewayHub hub, TimeProvider time) =>
        new(
            WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true }),
            new HelloMessage
            {
                Fleet = "shop/small",
                Gateway = "g",
                Version = "1",
            },
            hub,
            new StreamOptions(),
            time,
            NullLogger.Instance
        );

    private static SequenceInput Draining(DateTimeOffset now, DrainMark mark) =>
        new()
        {
            Now = now,
            Wanted = 1,
            Revision = "new",
            Groups = [new RevisionGroup("new", 1, 1), new RevisionGroup("old", 1, 1)],
            Gateways = [Gateway("a", "new", null, GatewayStage.Ready), Gateway("b", "old", mark, GatewayStage.NotReady)],
            Pace = SimulatedFleet.Pace(),
        };

    private static SequenceGateway Gateway(string name, string revision, DrainMark? mark, GatewayStage stage) =>
        new()
        {
            Name = name,
            Revision = revision,
            Stage = stage,
            Mark = mark,
            Load = new GatewayLoad(10, 100, mark is null ? GatewayState.Serving : GatewayState.Draining),
        };

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
