using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;

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
        RolloutStall.Find(input, plan).ShouldBe($"revision {plan.Revision} makes no progress: {expected}");
    }

    [Fact]
    public void Find_AllReadyByNow_IsNull()
    {
        var (input, plan) = Stalled("CrashLoopBackOff", null, null);
        input.Deployments[0].Status!.ReadyReplicas = 2;
        RolloutStall.Find(input, plan).ShouldBeNull();
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
