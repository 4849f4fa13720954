using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning;

/// <summary>The clock of a rollout that stops in any of its steps, as looks at it go by.</summary>
public sealed class RolloutProgressTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero);
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    private readonly ConnectionFleet _fleet = Fleets.Load(
        """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: roll, generation: 7}
        spec:
          gateway: {replicas: 4}
          listeners: [{name: edge, protocol: TCP, port: 443, backend: app}]
          backends: [{name: app, addresses: [{address: "10.0.0.1:80"}]}]
        """
    );
    private readonly FleetPlan _plan;
    private FleetStatus? _status;

    public RolloutProgressTests() => _plan = FleetPlanner.Plan(new FleetInput { Fleet = _fleet }) with { Rollout = SequencePhase.Surging };

    [Fact]
    public void Surge_StopsAfterTheFirstStep_IsDegradedOnceTheDeadlineIsOver()
    {
        Look(0, asked: 1, ready: 0, old: 4);
        Look(1, asked: 2, ready: 1, old: 4);
        Look(2, asked: 3, ready: 2, old: 3);
        Degraded().ShouldBe(("False", "AsWanted"));
        Progressed().ShouldBe("2026-01-02T03:06:05Z");

        // A look in between, of this leader or another, changes nothing.
        Look(11, asked: 3, ready: 2, old: 3);
        Progressed().ShouldBe("2026-01-02T03:06:05Z");
        Degraded().ShouldBe(("False", "AsWanted"));
        RolloutProgress.UntilOverdue(_fleet, _status!, At(11)).ShouldBe(TimeSpan.FromSeconds(59.322));

        Look(12, asked: 3, ready: 2, old: 3);
        Degraded().ShouldBe(("True", "RolloutStalled"));
        RolloutProgress.UntilOverdue(_fleet, _status!, At(12)).ShouldBeNull();

        // The third starts after all.
        Look(20, asked: 4, ready: 3, old: 3);
        Degraded().ShouldBe(("False", "AsWanted"));
        Progressed().ShouldBe("2026-01-02T03:24:05Z");
    }

    [Fact]
    public void Drain_LongerThanTheDeadline_WithAllThatAreAskedForReady_IsNoStall()
    {
        Look(0, asked: 2, ready: 2, old: 3);
        Progressed().ShouldBeNull();
        Look(60, asked: 2, ready: 2, old: 3);
        Degraded().ShouldBe(("False", "AsWanted"));
        Look(61, asked: 3, ready: 2, old: 3);
        Look(70, asked: 3, ready: 2, old: 3);
        Degraded().ShouldBe(("False", "AsWanted"));
        Look(71, asked: 3, ready: 2, old: 3);
        Degraded().ShouldBe(("True", "RolloutStalled"));
    }

    [Fact]
    public void Drain_OfTheWantedRevision_IsNothingMissing()
    {
        var leaving = new DrainMark(DrainCauses.ScaleIn, Start);
        Look(0, asked: 5, ready: 4, old: 0, SequencePhase.ScalingIn, leaving);
        Progressed().ShouldBeNull();
        Look(30, asked: 5, ready: 4, old: 0, SequencePhase.ScalingIn, leaving);
        Degraded().ShouldBe(("False", "AsWanted"));
    }

    [Theory]
    [InlineData(-600)]
    [InlineData(-1)]
    [InlineData(600)]
    public void Clock_Jumps_NeitherStallsForEverNorWaitsForLonger(int minutes)
    {
        Look(0, asked: 2, ready: 1, old: 4);
        Look(minutes, asked: 2, ready: 1, old: 4);
        var left = RolloutProgress.UntilOverdue(_fleet, _status!, At(minutes));
        (left is null || left <= Deadline).ShouldBeTrue($"{left}");

        // Back where it was: the deadline at most, and none for what comes.
        Look(1, asked: 2, ready: 1, old: 4);
        Look(11, asked: 2, ready: 1, old: 4);
        Degraded().ShouldBe(("True", "RolloutStalled"));
        Look(12, asked: 2, ready: 2, old: 4);
        Degraded().ShouldBe(("False", "AsWanted"));
    }

    /// <summary>A pod that is ready now and then and crashes each time: the cluster itself would take each time for progress.</summary>
    [Fact]
    public void Surge_WhoseGatewayIsReadyNowAndThen_IsDegradedWithHowItEnded()
    {
        for (var minute = 0; minute < 10; minute++)
        {
            Look(minute, asked: 1, ready: minute % 2, old: 4, available: 0, readyFor: 4);
            Degraded().ShouldBe(("False", "AsWanted"), $"after {minute} minutes");
            _status!.Rollout!.Updated.ShouldBe(0);
        }

        Look(10, asked: 1, ready: 1, old: 4, available: 0, readyFor: 4);
        Degraded().ShouldBe(("True", "RolloutStalled"));
        _status!
            .Conditions!.Single(static condition => condition.Type == FleetConditions.Degraded)
            .Message.ShouldBe(
                $"revision {_plan.Revision} makes no progress: new-0: started 7 times, last ended with exit code 139: no such library"
            );

        // It lasts after all.
        Look(11, asked: 1, ready: 1, old: 4, available: 1, readyFor: 5);
        Degraded().ShouldBe(("False", "AsWanted"));
        _status!.Rollout!.Updated.ShouldBe(1);
    }

    [Fact]
    public void ScaleOut_WhoseGatewaysDoNotCome_IsDegraded()
    {
        Look(0, asked: 4, ready: 3, old: 0, SequencePhase.Complete);
        Degraded().ShouldBe(("False", "AsWanted"));
        Look(10, asked: 4, ready: 3, old: 0, SequencePhase.Complete);
        Degraded().ShouldBe(("True", "GatewaysNotReady"));
        Look(11, asked: 4, ready: 4, old: 0, SequencePhase.Complete);
        Degraded().ShouldBe(("False", "AsWanted"));
        Progressed().ShouldBeNull();
    }

    private static DateTimeOffset At(int minutes) => Start.AddMinutes(minutes);

    private string? Progressed() => _status!.Rollout!.LastProgressTime;

    private (string?, string?) Degraded()
    {
        var condition = _status!.Conditions!.Single(static condition => condition.Type == FleetConditions.Degraded);
        return (condition.Status, condition.Reason);
    }

    /// <summary>What is seen at a moment, with the status that the last look left.</summary>
    private void Look(
        int minute,
        int asked,
        int ready,
        int old,
        SequencePhase phase = SequencePhase.Surging,
        DrainMark? leaving = null,
        int? available = null,
        double? readyFor = null
    )
    {
        var pods = Enumerable.Range(0, ready).Select(i => Pod($"new-{i}", _plan.Revision, isReady: true)).ToList();
        if (readyFor is { } seconds)
        {
            foreach (var pod in pods)
            {
                pod.Status!.Conditions![0].LastTransitionTime = At(minute).AddSeconds(-seconds);
                pod.Status.ContainerStatuses =
                [
                    new ContainerStatus
                    {
                        RestartCount = 6,
                        LastState = new ContainerState
                        {
                            Terminated = new ContainerStateTerminated
                            {
                                ExitCode = 139,
                                Reason = "Error",
                                Message = "no such library",
                            },
                        },
                    },
                ];
            }
        }

        if (leaving is not null)
        {
            var pod = Pod("leaving", _plan.Revision, isReady: false);
            pod.Metadata.Annotations = DrainAnnotations
                .Write(leaving)
                .Where(static pair => pair.Value is not null)
                .ToDictionary(static pair => pair.Key, static pair => pair.Value!);
            pods.Add(pod);
        }

        var input = new FleetInput
        {
            Fleet = _fleet with { Status = _status },
            Deployments =
            [
                Deployment(_plan.GatewayDeployment, _plan.Revision, asked, ready, available),
                .. old == 0 ? Array.Empty<Deployment>() : [Deployment("roll-gateway-old", "old", old, old)],
            ],
            Pods = pods,
        };
        _status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = _plan with { Rollout = phase },
                Now = At(minute),
            }
        );
    }

    private static Deployment Deployment(string name, string revision, int asked, int ready, int? available = null) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string>
                {
                    [ResourceLabels.Role] = ResourceLabels.GatewayRole,
                    [ResourceLabels.Revision] = revision,
                },
            },
            Spec = new DeploymentSpec { Replicas = asked },
            Status = new DeploymentStatus
            {
                Replicas = asked,
                ReadyReplicas = ready,
                AvailableReplicas = available ?? ready,
            },
        };

    private static Pod Pod(string name, string revision, bool isReady) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string>
                {
                    [ResourceLabels.Role] = ResourceLabels.GatewayRole,
                    [ResourceLabels.Revision] = revision,
                },
            },
            Spec = new PodSpec { NodeName = "n1" },
            Status = new PodStatus
            {
                Phase = "Running",
                Conditions = [new PodCondition { Type = "Ready", Status = isReady ? "True" : "False" }],
            },
        };
}
