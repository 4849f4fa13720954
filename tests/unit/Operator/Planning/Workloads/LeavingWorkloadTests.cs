using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Workloads;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning.Workloads;

/// <summary>A workload backend that is taken out of the spec: it drains before it goes.</summary>
public sealed class LeavingWorkloadTests
{
    private static readonly DateTimeOffset Start = WorkloadRig.Start;
    private static readonly DrainMark Mark = new(DrainCauses.Removed, Start, Start, Start.AddMinutes(1));

    private static readonly (string, string)[] Objects =
    [
        ("Deployment", "demo-backend-chat"),
        ("Service", "demo-backend-chat"),
        ("NetworkPolicy", "demo-backend-chat"),
    ];

    [Fact]
    public void TakenOut_IsKeptAndItsPodsAreMarked()
    {
        var plan = Plan(Two(30, 20));

        plan.Kept.ShouldBe(Objects);
        plan.Objects.ShouldNotContain(static one => one.Metadata.Name == "demo-backend-chat");
        plan.WorkloadMarks.Select(static mark => (mark.Gateway, mark.Before, mark.After)).ShouldBe([("a", null, Mark), ("b", null, Mark)]);
        plan.EndpointClosesPerSecond.ShouldBe(0, "gateways hear of it once the marks are written");
    }

    [Fact]
    public void Marked_GatewaysSendTheRestAwayAtTheFleetsPace()
    {
        var rig = Two(30, 20, Mark) with { Now = Start.AddSeconds(20) };

        var plan = Plan(rig with { Gateways = [.. rig.Gateways, WorkloadRig.Gateway("g-1", rig.Now)] });

        plan.Kept.ShouldBe(Objects);
        plan.WorkloadMarks.ShouldBeEmpty();
        plan.EndpointClosesPerSecond.ShouldBe(25, "50 a second, by two gateways");
        plan.RequeueAfter.ShouldBe(TimeSpan.FromSeconds(50));
        plan.EndpointSources.ShouldContain(new EndpointSourcePlan("chat", "demo-backend-chat", null));
        var told = WorkloadDrains.Mark(
            new Dictionary<string, IReadOnlyList<EndpointInfo>>
            {
                ["chat"] =
                [
                    new EndpointInfo
                    {
                        Id = "a",
                        Address = "192.0.2.1",
                        Port = 1,
                    },
                ],
            },
            plan
        );
        told["chat"].ShouldHaveSingleItem().Draining.ShouldBeTrue();
    }

    /// <summary>So that they say what is open, and have somewhere to put the push; nothing sends there.</summary>
    [Fact]
    public void Config_HasTheBackendWithNoListenerBeforeIt()
    {
        var config = Plan(Two(30, 20, Mark)).Config;

        var backend = config.Backends.Single(static one => one.Name == "chat");
        (backend.Source, backend.DrainTimeout).ShouldBe((EndpointSource.Pushed, TimeSpan.FromMinutes(1)));
        var known = ConfigCompiler.Compile(config, 10_000).Snapshot!;
        known
            .Backends.Where(static one => one.IsLeaving)
            .Select(static one => one.Name)
            .ShouldBe(["chat"], "gateways know that it is leaving");
        config.Listeners.ShouldAllBe(static listener => listener.Backend == "next");
    }

    [Fact]
    public void Status_ShowsWhatIsLeftAndThatTheFleetIsNotAtRest()
    {
        var input = Input(Two(30, 20, Mark));
        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = FleetPlanner.Plan(input),
                View = input.View,
                Now = input.Now,
            }
        );

        var workload = status.Workloads.ShouldHaveSingleItem();
        (workload.Name, workload.Replicas, workload.Draining, workload.Connections).ShouldBe(("chat", 0, 2, 50));
    }

    [Theory]
    // Connections that a report may have missed, which had just been made.
    [InlineData(0, 0, true)]
    [InlineData(2, 0, false)]
    [InlineData(2, 1, true)]
    [InlineData(69, 1, true)]
    [InlineData(70, 1, false)]
    public void GoesOnceEmptyOrPastItsDeadline(int seconds, int connections, bool stays)
    {
        var plan = Plan(Two(0, connections, Mark) with { Now = Start.AddSeconds(seconds) }, Start.AddSeconds(seconds));

        (plan.Kept.Count > 0).ShouldBe(stays);
        plan.Config.Backends.Any(static one => one.Name == "chat").ShouldBe(stays);
    }

    [Fact]
    public void OneGatewayIsSilent_WaitsForIt()
    {
        var rig = Two(0, 0, Mark) with { Now = Start.AddSeconds(20) };
        var silent = WorkloadRig.Gateway("g-1", rig.Now) with { Report = null };

        Plan(rig with { Gateways = [.. rig.Gateways, silent] }, rig.Now).Kept.ShouldNotBeEmpty();
        Plan(rig, rig.Now).Kept.ShouldBeEmpty();
    }

    /// <summary>One pod is at the end of a scale-in's drain: the other has its own time.</summary>
    [Fact]
    public void EachPodHasItsOwnDeadline()
    {
        var rig = Two(30, 20, Mark) with { Now = Start.AddSeconds(65) };
        var later = WorkloadRig.Pod("b", Mark with { Deadline = Start.AddMinutes(5) });

        Plan(rig with { Pods = [rig.Pods[0], later], Now = Start.AddSeconds(80) }).Kept.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("5m", 300)]
    [InlineData("soon", 60)]
    public void OwnDrainTimeout_OutlivesTheSpec(string annotation, int seconds)
    {
        var input = Input(Two(30, 20));
        input.Deployments[0].Metadata.Annotations = new() { [LeavingWorkload.DrainTimeAnnotation] = annotation };

        FleetPlanner.Plan(input).WorkloadMarks[0].After!.Deadline.ShouldBe(Start.AddSeconds(seconds));
    }

    [Fact]
    public void OwnDrainTimeout_IsWrittenOnTheDeployment()
    {
        var input = new WorkloadRig().Input();
        input.Fleet.Spec.Backends[0].DrainTimeout = "5m";

        FleetPlanner
            .Plan(input)
            .Objects.OfType<Deployment>()
            .Single(static one => one.Metadata.Name == "demo-backend-chat")
            .Metadata.Annotations.ShouldBe(new Dictionary<string, string> { [LeavingWorkload.DrainTimeAnnotation] = "5m" });
    }

    [Fact]
    public void MarkFromTheFuture_IsMadeAnew() =>
        Plan(Two(30, 20, Mark with { CordonedAt = Start.AddHours(5), DrainStartedAt = Start.AddHours(5), Deadline = Start.AddHours(6) }))
            .WorkloadMarks[0]
            .After.ShouldBe(Mark);

    [Fact]
    public void WithoutPodsOrStreams_GoesAtOnce()
    {
        Plan(new WorkloadRig()).Kept.ShouldBeEmpty();
        Plan(Two(30, 20) with { Streams = false }).Kept.ShouldBeEmpty();
    }

    /// <summary>A pause holds the config, so what is in it stays until the pause is over.</summary>
    [Fact]
    public void Paused_StaysInTheConfigAndNothingIsMarked()
    {
        var plan = Plan(Two(0, 0) with { Paused = true });

        plan.Config.Backends.Count.ShouldBe(2);
        plan.WorkloadMarks.ShouldBeEmpty();
    }

    [Fact]
    public void TakenInAgain_HasAsManyPodsAsBefore()
    {
        var rig = Two(90, 90, Mark) with
        {
            Remembered = new WorkloadStatus { Name = "chat", Replicas = 0 },
        };

        var plan = rig.Plan();

        plan.Kept.ShouldBeEmpty();
        WorkloadRig.Replicas(plan).ShouldBeGreaterThanOrEqualTo(2);
        plan.WorkloadMarks.Select(static mark => mark.After).ShouldBe([null, null]);
    }

    /// <summary>For as long as a rollout is stuck, nobody else takes a connection.</summary>
    [Fact]
    public void TakenInAgain_AmidARolloutThatIsStuck_ServesOnWithThePodsThatItHas()
    {
        var rig = Two(90, 90, Mark) with
        {
            Remembered = new WorkloadStatus { Name = "chat", Replicas = 0 },
            Asked = 3,
            Updated = 1,
        };

        var plan = (rig with { Pods = [.. rig.Pods, WorkloadRig.Pod("c", ready: false)] }).Plan();

        plan.WorkloadMarks.Select(static mark => (mark.Gateway, mark.After)).ShouldBe([("a", null), ("b", null)]);
        WorkloadRig.Replicas(plan).ShouldBeGreaterThanOrEqualTo(3);
    }

    /// <summary>Two pods with so many connections, and one gateway that says so.</summary>
    private static WorkloadRig Two(int first, int second, DrainMark? mark = null) =>
        new()
        {
            Pods = [WorkloadRig.Pod("a", mark), WorkloadRig.Pod("b", mark)],
            Gateways = [WorkloadRig.Gateway("g-0", Start, ("a", first), ("b", second))],
        };

    private static FleetPlan Plan(WorkloadRig rig, DateTimeOffset? reported = null) =>
        FleetPlanner.Plan(
            Input(reported is { } at ? rig with { Gateways = [.. rig.Gateways.Select(one => one with { ReportedAt = at })] } : rig)
        );

    /// <summary>With another backend in the place of the workload.</summary>
    private static FleetInput Input(WorkloadRig rig)
    {
        var input = rig.Input();
        input.Deployments[0].Metadata.Labels = new(ResourceLabels.ForBackend("demo", "chat"));
        return input with
        {
            Fleet = Fleets.Load(
                $$$"""
                apiVersion: mooring.dev/v1alpha1
                kind: ConnectionFleet
                metadata: {name: demo, namespace: shop}
                spec:
                  paused: {{{(rig.Paused ? "true" : "false")}}}
                  gateway: {drain: {deadline: 60s, reconnectsPerSecond: 50}}
                  listeners:
                  - {name: live, protocol: WebSocket, port: 9001, backend: next}
                  backends:
                  - name: next
                    addresses: [{address: "192.0.2.1:80"}]
                """
            ),
        };
    }
}
