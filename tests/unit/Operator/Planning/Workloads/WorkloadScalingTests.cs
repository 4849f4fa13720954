using FsCheck;
using FsCheck.Fluent;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Tests.Planning.Workloads;

public sealed class WorkloadScalingTests
{
    private static readonly DrainMark Going = new(
        DrainCauses.ScaleIn,
        WorkloadRig.Start,
        WorkloadRig.Start,
        WorkloadRig.Start.AddMinutes(1)
    );

    [Theory]
    // Two pods of 100 each, by the thresholds of 80 % and 30 %.
    [InlineData(100, 2, ScalingReason.Steady)]
    [InlineData(160, 2, ScalingReason.Steady)]
    [InlineData(161, 3, ScalingReason.LoadHigh)]
    [InlineData(790, 10, ScalingReason.LoadHigh)]
    [InlineData(5000, 10, ScalingReason.LoadHigh)]
    [InlineData(59, 2, ScalingReason.Steady)]
    [InlineData(50, 1, ScalingReason.LoadLow)]
    [InlineData(0, 1, ScalingReason.LoadLow)]
    public void Decide_ByConnectionsOfAllGateways(int connections, int wanted, ScalingReason reason)
    {
        var half = connections / 2;
        var plan = Rig(("a", half), ("b", connections - half)).Workload();

        (plan.Replicas, plan.Scaling!.Reason).ShouldBe((wanted, reason), plan.Scaling.Message);
    }

    [Fact]
    public void Decide_WithoutScaling_IsWhatTheSpecSays()
    {
        var plan = (Rig(("a", 5000)) with { Scaling = "" }).Workload();

        (plan.Replicas, plan.Scaling).ShouldBe((2, null));
    }

    [Fact]
    public void Decide_NobodyHasSaidAnything_StaysAtWhatThereIs()
    {
        var rig = Rig() with { Gateways = [], Asked = 4 };

        var plan = rig.Workload();

        (plan.Replicas, plan.Scaling!.Reason).ShouldBe((4, ScalingReason.NoReports));
    }

    [Fact]
    public void Decide_OneGatewayIsSilent_MayRiseAndDoesNotFall()
    {
        var silent = WorkloadRig.Gateway("g-9", WorkloadRig.Start) with { Report = null };
        var low = Rig(("a", 1));
        var high = Rig(("a", 190));

        (low with { Gateways = [.. low.Gateways, silent] }).Workload().Scaling!.Reason.ShouldBe(ScalingReason.NoReports);
        (high with { Gateways = [.. high.Gateways, silent] }).Workload().Replicas.ShouldBe(3);
    }

    /// <summary>The gateway's node is away: its clients may be there as before, and their connections end at the workload.</summary>
    [Theory]
    [InlineData(60, ScalingReason.NoReports)]
    [InlineData(310, ScalingReason.NoReports)]
    [InlineData(361, ScalingReason.LoadLow)]
    public void Decide_OneGatewayIsNotReadyAndUnheard_IsWaitedForAWhile(int secondsUnready, ScalingReason reason)
    {
        var silent = WorkloadRig.Pod("g-9", ready: false);
        silent.Metadata.Labels = new Dictionary<string, string>(ResourceLabels.ForGateway("demo"));
        silent.Status!.Conditions![0].LastTransitionTime = WorkloadRig.Start.AddSeconds(-secondsUnready);
        var rig = Rig(("a", 1));

        (rig with { Pods = [.. rig.Pods, silent] }).Workload().Scaling!.Reason.ShouldBe(reason);
    }

    [Fact]
    public void Decide_Paused_StaysAndTheConditionSaysSo()
    {
        var rig = Rig(("a", 190)) with { Scaling = "{maxReplicas: 10, paused: true}" };

        rig.Workload().Replicas.ShouldBe(2);
        Condition(rig).ShouldBe(("False", "Paused"));
        (Rig(("a", 190)) with { Paused = true }).Workload().Replicas.ShouldBe(2);
        Condition(Rig(("a", 100))).ShouldBe(("True", "Following"));
    }

    [Theory]
    [InlineData(190, 3)]
    [InlineData(10, 1)]
    public void Decide_ClockSetBackSinceTheLastChange_WaitsForOneCooldown(int connections, int wanted)
    {
        var rig = Rig(("a", connections)) with
        {
            Scaling = "{maxReplicas: 10, scaleUpCooldown: 60s, scaleDownCooldown: 60s}",
            Remembered = new WorkloadStatus
            {
                Name = "chat",
                Replicas = 2,
                LastScaleUpTime = "2026-01-07T17:00:00Z",
                LastScaleDownTime = "2026-01-07T16:00:00Z",
            },
        };

        rig.Workload().Scaling!.Reason.ShouldBe(ScalingReason.Cooldown);
        var later = rig with { Now = WorkloadRig.Start.AddSeconds(60), Remembered = Status(rig).Workloads!.Single() };

        later.Workload().Replicas.ShouldBe(wanted);
    }

    [Fact]
    public void Decide_Cooldown_IsKeptInTheStatus()
    {
        var rig = Rig(("a", 190)) with
        {
            Scaling = "{maxReplicas: 10, scaleUpCooldown: 60s}",
            Remembered = new WorkloadStatus
            {
                Name = "chat",
                Replicas = 2,
                LastScaleUpTime = "2026-01-07T11:59:30Z",
            },
        };

        rig.Workload().Scaling!.Reason.ShouldBe(ScalingReason.Cooldown);
        (rig with { Now = WorkloadRig.Start.AddSeconds(31) }).Workload().Replicas.ShouldBe(3);
    }

    [Fact]
    public void Status_RemembersWhenItWasScaledAndWhy()
    {
        var rig = Rig(("a", 190)) with
        {
            Remembered = new WorkloadStatus { Name = "chat", Replicas = 2 },
        };

        var status = Status(rig).Workloads.ShouldHaveSingleItem();

        status.Replicas.ShouldBe(3);
        status.Reason.ShouldBe("LoadHigh");
        status.Connections.ShouldBe(190);
        status.UtilizationPercent.ShouldBe(63);
        status.LastScaleUpTime.ShouldBe("2026-01-07T12:00:00Z");
        status.LastScaleDownTime.ShouldBeNull();
        status.Message.ShouldNotBeNull().ShouldContain("190 connections");
    }

    /// <summary>Who carries what, and whether some of them drain, neither hides load nor makes any.</summary>
    [Fact]
    public void Decide_TheSameConnectionsSpreadOtherwise_WantTheSame() =>
        Prop.ForAll(
                Gen.Choose(0, 900)
                    .SelectMany(total => Gen.Choose(0, total).Select(drained => (Total: total, Drained: drained)))
                    .SelectMany(load => Gen.Choose(1, 4).Select(gateways => (load.Total, load.Drained, Gateways: gateways)))
                    .ToArbitrary(),
                load =>
                {
                    var (total, drained, gateways) = load;
                    var plain = Rig(("a", total)).Workload();
                    var spread = Rig() with
                    {
                        // Five pods: three that go, one of them gone from the cluster already.
                        Pods = [WorkloadRig.Pod("a"), WorkloadRig.Pod("b"), WorkloadRig.Pod("c", Going), WorkloadRig.Pod("d", Going)],
                        Asked = 4,
                        Remembered = new WorkloadStatus { Name = "chat", Replicas = 2 },
                        Gateways =
                        [
                            .. Enumerable
                                .Range(0, gateways)
                                .Select(i =>
                                    WorkloadRig.Gateway(
                                        $"g-{i}",
                                        WorkloadRig.Start,
                                        ("a", Part(total - drained, i, gateways)),
                                        ("c", Part(drained / 2, i, gateways)),
                                        ("gone", Part(drained - (drained / 2), i, gateways))
                                    )
                                ),
                        ],
                    };

                    var step = spread.Workload();
                    step.Replicas.ShouldBe(plain.Replicas, $"{load}: {plain.Scaling!.Message} / {step.Scaling!.Message}");
                }
            )
            .QuickCheckThrowOnFailure();

    private static int Part(int total, int index, int count) => (total / count) + (index < total % count ? 1 : 0);

    private static WorkloadRig Rig(params (string Pod, int Connections)[] loads) =>
        new() { Pods = [WorkloadRig.Pod("a"), WorkloadRig.Pod("b")], Gateways = [WorkloadRig.Gateway("g-0", WorkloadRig.Start, loads)] };

    private static FleetStatus Status(WorkloadRig rig)
    {
        var input = rig.Input();
        return FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = FleetPlanner.Plan(input),
                View = input.View,
                Now = rig.Now,
            }
        );
    }

    private static (string?, string?) Condition(WorkloadRig rig)
    {
        var condition = Status(rig).Conditions!.Single(static one => one.Type == FleetConditions.WorkloadScalingActive);
        return (condition.Status, condition.Reason);
    }
}
