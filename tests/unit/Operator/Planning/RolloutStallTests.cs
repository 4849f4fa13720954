using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning;

public sealed class RolloutStallTests
{
    [Theory]
    [InlineData("ImagePullBackOff", "no such image", null, "gw-1: ImagePullBackOff: no such image")]
    [InlineData("CrashLoopBackOff", null, null, "gw-1: CrashLoopBackOff")]
    [InlineData("ContainerCreating", null, null, "its time is over")]
    [InlineData(null, null, "0/3 nodes are available", "gw-1: Unschedulable: 0/3 nodes are available")]
    public void Find_ClusterGaveUp_SaysWhatThePodsSay(string? waiting, string? message, string? unscheduled, string expected)
    {
        var (input, plan) = Stalled(waiting, message, unscheduled);
        RolloutStall.Find(input, plan, isOverdue: false).ShouldBe($"revision {plan.Revision} makes no progress: {expected}");
    }

    [Fact]
    public void Find_AllReadyByNow_IsNull()
    {
        var (input, plan) = Stalled("CrashLoopBackOff", null, null);
        input.Deployments[0].Status!.AvailableReplicas = 2;
        RolloutStall.Find(input, plan, isOverdue: false).ShouldBeNull();
    }

    [Theory]
    [InlineData(SequencePhase.Surging, true)]
    [InlineData(SequencePhase.Draining, true)]
    [InlineData(SequencePhase.Complete, false)]
    [InlineData(SequencePhase.ScalingIn, false)]
    public void Find_LaterStepIsOverdue_SaysSoOfARollout(SequencePhase phase, bool isStalled)
    {
        var (input, plan) = Stalled("ImagePullBackOff", null, null);
        input.Deployments[0].Status!.Conditions = null;
        plan = plan with { Rollout = phase };

        RolloutStall.Find(input, plan, isOverdue: false).ShouldBeNull();
        RolloutStall
            .Find(input, plan, isOverdue: true)
            .ShouldBe(isStalled ? $"revision {plan.Revision} makes no progress: gw-1: ImagePullBackOff" : null);
    }

    [Fact]
    public void Find_PodsAreRefused_SaysByWhat()
    {
        var (input, plan) = Stalled("ContainerCreating", null, null);
        input
            .Deployments[0]
            .Status!.Conditions!.Add(
                new DeploymentCondition
                {
                    Type = "ReplicaFailure",
                    Status = "True",
                    Reason = "FailedCreate",
                    Message = "exceeded quota: pods",
                }
            );

        RolloutStall
            .Find(input, plan, isOverdue: false)
            .ShouldBe($"revision {plan.Revision} makes no progress: FailedCreate: exceeded quota: pods");
    }

    private static (FleetInput Input, FleetPlan Plan) Stalled(string? waiting, string? message, string? unscheduled)
    {
        var fleet = Fleets.Load(
            """
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: roll}
            spec:
              listeners: [{name: edge, protocol: TCP, port: 443, backend: app}]
              backends: [{name: app, addresses: [{address: "10.0.0.1:80"}]}]
            """
        );
        var plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet });
        var deployment = new Deployment
        {
            Metadata = new ObjectMeta { Name = plan.GatewayDeployment },
            Spec = new DeploymentSpec { Replicas = 2 },
            Status = new DeploymentStatus
            {
                Conditions =
                [
                    new DeploymentCondition
                    {
                        Type = "Progressing",
                        Status = "False",
                        Reason = "ProgressDeadlineExceeded",
                        Message = "its time is over",
                    },
                ],
            },
        };
        var pod = new Pod
        {
            Metadata = new ObjectMeta
            {
                Name = "gw-1",
                Labels = new Dictionary<string, string> { [ResourceLabels.Revision] = plan.Revision },
            },
            Status = new PodStatus
            {
                Conditions = unscheduled is null
                    ? []
                    :
                    [
                        new PodCondition
                        {
                            Type = "PodScheduled",
                            Status = "False",
                            Reason = "Unschedulable",
                            Message = unscheduled,
                        },
                    ],
                ContainerStatuses = waiting is null
                    ? []
                    :
                    [
                        new ContainerStatus
                        {
                            State = new ContainerState
                            {
                                Waiting = new ContainerStateWaiting { Reason = waiting, Message = message },
                            },
                        },
                    ],
            },
        };
        return (
            new FleetInput
            {
                Fleet = fleet,
                Deployments = [deployment],
                Pods = [pod],
            },
            plan
        );
    }
}
