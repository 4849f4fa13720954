using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class AtRestTests
{
    [Fact]
    public void Is_ReadyAndNothingGoesOn() => AtRest.Is(Status()).ShouldBeTrue();

    /// <summary>Whether nobody is left on a pod is in reports that tell nothing new: at rest they would be passed over, and the pod wait for its deadline.</summary>
    [Fact]
    public void Is_PodOfAWorkloadDrains_IsNot() =>
        AtRest
            .Is(
                Status() with
                {
                    Workloads =
                    [
                        new WorkloadStatus { Name = "app", Replicas = 2 },
                        new WorkloadStatus
                        {
                            Name = "chat",
                            Replicas = 2,
                            Draining = 1,
                        },
                    ],
                }
            )
            .ShouldBeFalse();

    [Fact]
    public void Is_GatewayDrains_IsNot() => AtRest.Is(Status() with { Gateways = new GatewaysStatus { Draining = 1 } }).ShouldBeFalse();

    [Theory]
    [InlineData(FleetConditions.Progressing)]
    [InlineData(FleetConditions.Degraded)]
    public void Is_SomethingGoesOnOrIsWrong_IsNot(string type) =>
        AtRest.Is(Status() with { Conditions = [.. Status().Conditions!, Condition(type)] }).ShouldBeFalse();

    private static FleetStatus Status() =>
        new()
        {
            Conditions = [Condition(FleetConditions.Ready)],
            Gateways = new GatewaysStatus(),
            Workloads = [new WorkloadStatus { Name = "app", Replicas = 2 }],
        };

    private static Condition Condition(string type) =>
        new()
        {
            Type = type,
            Status = FleetConditions.True,
            Reason = "Because",
        };
}
