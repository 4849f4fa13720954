using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning.Workloads;

/// <summary>Fewer pods of a workload: cordon, empty, mark, and only then ask for fewer.</summary>
public sealed class WorkloadSequenceTests
{
    private static readonly DrainMark Cordoned = new(DrainCauses.ScaleIn, WorkloadRig.Start);
    private static readonly DrainMark Draining = Cordoned with
    {
        DrainStartedAt = WorkloadRig.Start,
        Deadline = WorkloadRig.Start.AddMinutes(1),
    };

    [Fact]
    public void Fewer_TheLeastLoadedIsCordonedAndNobodyRemoved()
    {
        var plan = Two(("a", 30), ("b", 20)).Plan();

        var mark = plan.WorkloadMarks.ShouldHaveSingleItem();
        (mark.Gateway, mark.After!.Cause, mark.After.DrainStartedAt).ShouldBe(("b", DrainCauses.ScaleIn, null));
        WorkloadRig.Replicas(plan).ShouldBe(2);
        plan.Workloads[0].Draining.ShouldBeEmpty("gateways hear of it once the mark is written");
    }

    [Fact]
    public void Cordoned_GatewaysAreToldAndTheDrainBegins()
    {
        var plan = Two(("a", 30), ("b", 20), mark: Cordoned).Plan();

        plan.Workloads[0].Draining.ShouldBe(["b"]);
        var mark = plan.WorkloadMarks.ShouldHaveSingleItem().After!;
        (mark.DrainStartedAt, mark.Deadline).ShouldBe((WorkloadRig.Start, WorkloadRig.Start.AddMinutes(1)));
        WorkloadRig.Replicas(plan).ShouldBe(2);
    }

    [Fact]
    public void Draining_WithConnections_WaitsAtTheGatewaysShareOfTheRate()
    {
        var rig = Two(("a", 30), ("b", 20), mark: Draining) with { Now = WorkloadRig.Start.AddSeconds(30) };
        var second = WorkloadRig.Gateway("g-1", rig.Now, ("b", 3));
        var plan = (rig with { Gateways = [.. rig.Gateways, second] }).Plan();

        plan.WorkloadMarks.ShouldBeEmpty();
        WorkloadRig.Replicas(plan).ShouldBe(2);
        plan.EndpointClosesPerSecond.ShouldBe(25, "50 a second, by two gateways");
    }

    [Fact]
    public void Draining_GatewaysDrainToo_HalfOfTheRateAndNotBeforeTheyHaveComeDown()
    {
        var rig = Two(("a", 30), ("b", 20), mark: Draining) with { Now = WorkloadRig.Start.AddSeconds(5) };
        var busy = rig.Gateways[0] with
        {
            Directive = new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 1,
            },
        };

        Pace(busy with { Report = busy.Report! with { ClosesPerSecond = 50 } }).ShouldBe(0);
        Pace(busy with { Report = busy.Report! with { ClosesPerSecond = 25 } }).ShouldBe(25);

        double Pace(GatewayView gateway) => (rig with { Gateways = [gateway] }).Plan().EndpointClosesPerSecond;
    }

    [Fact]
    public void Empty_IsDrainedOnlyWhenEveryGatewayHasSaidSoSince()
    {
        var early = Two(("a", 30), ("b", 0), mark: Draining);
        var late = early with
        {
            Now = WorkloadRig.Start.AddSeconds(12),
            Gateways = [WorkloadRig.Gateway("g-0", WorkloadRig.Start.AddSeconds(10), ("a", 30))],
        };

        early.Plan().WorkloadMarks.ShouldBeEmpty();
        late.Plan().WorkloadMarks.ShouldHaveSingleItem().After!.Drained.ShouldBeTrue();
        WorkloadRig.Replicas(late.Plan()).ShouldBe(2, "the cluster has to see the cost first");
        (late with { Gateways = [.. late.Gateways, early.Gateways[0] with { Hello = early.Gateways[0].Hello with { Gateway = "g-1" } }] })
            .Plan()
            .WorkloadMarks.ShouldBeEmpty();
    }

    [Fact]
    public void Drained_TheDeploymentIsLowered()
    {
        var plan = Two(("a", 30), ("b", 0), mark: Draining with { Drained = true }).Plan();

        WorkloadRig.Replicas(plan).ShouldBe(1);
        plan.WorkloadMarks.ShouldBeEmpty();
    }

    [Fact]
    public void Deadline_TheRestGoesWithThePod()
    {
        var rig = Two(("a", 30), ("b", 20), mark: Draining) with { Now = WorkloadRig.Start.AddSeconds(71) };

        rig.Plan().WorkloadMarks.ShouldHaveSingleItem().After!.Drained.ShouldBeTrue();
    }

    [Fact]
    public void WantedAgain_TheMarkIsTakenBack()
    {
        var plan = (Two(("a", 190), ("b", 20), mark: Draining) with { Remembered = Status(1) }).Plan();

        plan.WorkloadMarks.ShouldHaveSingleItem().After.ShouldBeNull();
        plan.Workloads[0].Replicas.ShouldBe(3);
        WorkloadRig.Replicas(plan).ShouldBe(3);
    }

    [Fact]
    public void Rollout_UnderWay_NobodyIsAskedAway()
    {
        var plan = (Two(("a", 0), ("b", 0), mark: Draining with { Drained = true }) with { Updated = 1 }).Plan();

        WorkloadRig.Replicas(plan).ShouldBe(2);
        plan.WorkloadMarks.ShouldBeEmpty();
    }

    /// <summary>The rollout may be stuck: the pod that is not ready may never be.</summary>
    [Fact]
    public void Rollout_UnderWay_TooFewServe_TheMostLoadedIsTakenBack()
    {
        var rig = Two(("a", 30), ("b", 20), mark: Draining) with { Updated = 1 };
        var unready = rig with { Pods = [WorkloadRig.Pod("a", Draining), rig.Pods[1], WorkloadRig.Pod("c", ready: false)] };

        rig.Plan().WorkloadMarks.ShouldBeEmpty("one is wanted, and there is one");
        var mark = unready.Plan().WorkloadMarks.ShouldHaveSingleItem();
        (mark.Gateway, mark.Before, mark.After).ShouldBe(("a", Draining, null));
    }

    [Fact]
    public void Rollout_UnderWay_OneThatIsReadyIsTakenBackBeforeTheMostLoaded()
    {
        var rig = Two(("a", 30), ("b", 20), mark: Draining) with { Updated = 1, Remembered = Status(1) };
        var pods = rig with
        {
            Pods = [WorkloadRig.Pod("a", Draining, ready: false), WorkloadRig.Pod("b", Draining), WorkloadRig.Pod("c", ready: false)],
        };

        pods.Plan().WorkloadMarks.ShouldHaveSingleItem().Gateway.ShouldBe("b");
    }

    /// <summary>Where fewer are asked for than there are, the cluster may be about to remove it.</summary>
    [Theory]
    [InlineData(2, "a")]
    [InlineData(1, null)]
    public void Rollout_UnderWay_OneThatHasDrained_IsTakenBackWhereNoneIsToGo(int asked, string? taken)
    {
        var mark = Draining with { Drained = true };
        var rig = Two(("a", 0), ("b", 0)) with { Updated = 0, Asked = asked };
        var pods = rig with { Pods = [WorkloadRig.Pod("a", mark), WorkloadRig.Pod("b", ready: false)] };

        pods.Plan().WorkloadMarks.Select(one => one.Gateway).ShouldBe(taken is null ? [] : [taken]);
    }

    [Fact]
    public void Paused_NothingIsMarked()
    {
        (Two(("a", 30), ("b", 20)) with { Paused = true }).Plan().WorkloadMarks.ShouldBeEmpty();
    }

    [Fact]
    public void WithoutAStream_TheClusterPicks()
    {
        var plan = (Two(("a", 0), ("b", 0)) with { Streams = false, Scaling = "", Asked = 5 }).Plan();

        WorkloadRig.Replicas(plan).ShouldBe(2);
        plan.WorkloadMarks.ShouldBeEmpty();
    }

    /// <summary>From ten pods to one with a cluster that obeys: nobody who has connections is asked away, and it ends.</summary>
    [Fact]
    public void ScaleIn_StepByStep_EndsWithTheMostLoaded()
    {
        var loads = Enumerable.Range(0, 10).ToDictionary(static i => $"p-{i}", static i => i == 7 ? 40 : i % 3);
        var marks = loads.Keys.ToDictionary(static name => name, static _ => (DrainMark?)null);
        var remembered = Status(10);
        var now = WorkloadRig.Start;
        for (var turn = 0; turn < 60 && loads.Count > 1; turn++)
        {
            now = now.AddSeconds(5);
            var rig = new WorkloadRig
            {
                Now = now,
                Asked = loads.Count,
                Remembered = remembered,
                Pods = [.. loads.Keys.Select(name => WorkloadRig.Pod(name, marks[name]))],
                Gateways = [WorkloadRig.Gateway("g-0", now, [.. loads.Select(static pair => (pair.Key, pair.Value))])],
            };
            var plan = rig.Plan();
            remembered = remembered with { Replicas = plan.Workloads[0].Replicas };
            foreach (var name in loads.Keys.Where(name => loads[name] > 0 && plan.Workloads[0].Draining.Contains(name)))
            {
                // Its client comes back on one that stays.
                loads[name]--;
                loads["p-7"]++;
            }

            foreach (var mark in plan.WorkloadMarks)
            {
                marks[mark.Gateway] = mark.After;
            }

            foreach (
                var victim in loads
                    .Keys.OrderByDescending(name => marks[name]?.Drained == true)
                    .Take(loads.Count - WorkloadRig.Replicas(plan))
                    .ToList()
            )
            {
                loads[victim].ShouldBe(0);
                loads.Remove(victim);
            }
        }

        loads.Keys.ShouldBe(["p-7"]);
    }

    private static WorkloadStatus Status(int replicas) => new() { Name = "chat", Replicas = replicas };

    /// <summary>Two pods of which one is wanted; the second has the mark.</summary>
    private static WorkloadRig Two((string Pod, int Connections) first, (string Pod, int Connections) second, DrainMark? mark = null) =>
        new()
        {
            Pods = [WorkloadRig.Pod(first.Pod), WorkloadRig.Pod(second.Pod, mark)],
            Gateways = [WorkloadRig.Gateway("g-0", WorkloadRig.Start, first, second)],
            Remembered = Status(mark is null ? 2 : 1),
        };
}
