using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning;

public sealed class GatewayObserverTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 7, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Its stream is back, and its first report is on its way: what it carries is not known, and that it carries nobody is not either.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(14, false)]
    [InlineData(15, true)]
    public void Gateways_StreamIsBackAndHasNotReported_IsUnheardSinceThen(int secondsConnected, bool drained)
    {
        var input = Draining(
            new FleetView
            {
                Fleet = "shop/small",
                Gateways =
                [
                    new GatewayView
                    {
                        Hello = new HelloMessage
                        {
                            Fleet = "shop/small",
                            Gateway = "g-0",
                            Version = "1",
                        },
                        ConnectedAt = Now.AddSeconds(-secondsConnected),
                        SeenAt = Now.AddSeconds(-secondsConnected),
                    },
                ],
            }
        );

        IsDrained(input).ShouldBe(drained);
    }

    [Theory]
    [InlineData(14, false)]
    [InlineData(15, true)]
    public void Gateways_StreamIsAway_IsUnheardSinceItEnded(int secondsAway, bool drained) =>
        IsDrained(
                Draining(
                    new FleetView
                    {
                        Fleet = "shop/small",
                        Gateways = [],
                        Departed = [new DepartedGateway("g-0", Now.AddSeconds(-secondsAway), null)],
                    }
                )
            )
            .ShouldBe(drained);

    /// <summary>Annotations are for anybody who may edit pods.</summary>
    [Theory]
    [InlineData("9999-12-31T23:59:59Z")]
    [InlineData("never")]
    [InlineData("")]
    public void Gateways_DeadlineIsEditedByHand_IsSetAnew(string deadline)
    {
        var input = Draining(
            new FleetView
            {
                Fleet = "shop/small",
                Gateways = [],
                Departed = [new DepartedGateway("g-0", Now, null)],
            }
        );
        input.Pods[0].Metadata.Annotations = new Dictionary<string, string>(input.Pods[0].Metadata.Annotations!)
        {
            [DrainAnnotations.Deadline] = deadline,
        };

        var mark = DrainSequence.Decide(GatewayObserver.Observe(input, "new")).Marks.ShouldHaveSingleItem().After.ShouldNotBeNull();
        mark.Deadline.ShouldBe(Now.AddMinutes(-1) + FleetDefaults.DrainDeadline);
        mark.Drained.ShouldBeFalse();
    }

    [Fact]
    public void UnheardSince_SaysTheLatestWord()
    {
        var (began, gone) = (Now.AddMinutes(-5), Now.AddSeconds(-3));

        GatewayObserver.UnheardSince(gone, null, began, Now).ShouldBe(gone);
        GatewayObserver.UnheardSince(null, Speaking("g-0") with { ConnectedAt = gone }, began, Now).ShouldBe(gone);
        GatewayObserver.UnheardSince(null, Speaking("g-0") with { ConnectedAt = Now.AddHours(1) }, began, Now).ShouldBe(began);
        GatewayObserver.UnheardSince(null, null, began, Now).ShouldBe(began);
    }

    /// <summary>An evicted pod stays for the garbage collector, with its name: its gateway is not one whose stream comes back.</summary>
    [Fact]
    public void Gone_AreThoseWithoutAPodThatMayComeBack()
    {
        var view = new FleetView
        {
            Fleet = "shop/small",
            Gateways = [],
            Departed = [.. ((string[])["runs", "failed", "done", "none"]).Select(static name => new DepartedGateway(name, Now, null))],
        };

        GatewayObserver
            .Gone(view, [Of("runs", "Running"), Of("failed", "Failed"), Of("done", "Succeeded")])
            .ShouldBe(["failed", "done", "none"]);

        static Pod Of(string name, string phase) =>
            new()
            {
                Metadata = new ObjectMeta { Name = name },
                Status = new PodStatus { Phase = phase },
            };
    }

    private static GatewayView Speaking(string name) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/small",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = Now.AddMinutes(-10),
            SeenAt = Now,
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = 5,
                Capacity = 100,
            },
        };

    private static bool IsDrained(FleetInput input) =>
        DrainSequence
            .Decide(GatewayObserver.Observe(input, "new"))
            .Marks.Any(static change => change is { Gateway: "g-0", After.Drained: true });

    /// <summary>One gateway of an older revision in the middle of its drain, and a leader that has led for an hour.</summary>
    private static FleetInput Draining(FleetView view)
    {
        var mark = new DrainMark(DrainCauses.Rollout, Now.AddMinutes(-2), Now.AddMinutes(-1), Now.AddMinutes(8));
        return new FleetInput
        {
            Fleet = Fleets.Load(Fleets.Small),
            Now = Now,
            ListeningSince = Now.AddHours(-1),
            View = view,
            Pods =
            [
                new Pod
                {
                    Metadata = new ObjectMeta
                    {
                        Name = "g-0",
                        Labels = new Dictionary<string, string>(ResourceLabels.ForGateway("small")) { [ResourceLabels.Revision] = "old" },
                        Annotations = DrainAnnotations
                            .Write(mark)
                            .Where(static pair => pair.Value is not null)
                            .ToDictionary(static pair => pair.Key, static pair => pair.Value!),
                    },
                    Spec = new PodSpec { NodeName = "node" },
                    Status = new PodStatus { Phase = "Running" },
                },
            ],
        };
    }
}
