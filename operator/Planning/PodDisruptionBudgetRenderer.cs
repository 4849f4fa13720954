using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the budget that keeps node drains from taking many gateways at a time.</summary>
internal static class PodDisruptionBudgetRenderer
{
    public static PodDisruptionBudget Render(ConnectionFleet fleet) =>
        new()
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Gateway(fleet.Metadata.Name!),
                ResourceLabels.ForGateway(fleet.Metadata.Name!)
            ),
            Spec = new PodDisruptionBudgetSpec
            {
                MinAvailable = MinAvailable(fleet.Spec.Gateway.Replicas),
                // A pod that is not ready carries nobody: it must not hold up a node drain.
                UnhealthyPodEvictionPolicy = "AlwaysAllow",
                Selector = new LabelSelector { MatchLabels = ResourceLabels.GatewayMatch(fleet.Metadata.Name!) },
            },
        };

    /// <summary>All but a tenth, and all but one of a few. A single gateway may be evicted: a budget of one would block its node's drain for ever.</summary>
    internal static int MinAvailable(int replicas) => Math.Max(0, replicas - Math.Max(1, replicas / 10));
}
