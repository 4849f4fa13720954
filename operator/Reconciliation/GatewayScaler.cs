using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Puts a scaling decision into force: by the scale subresource where the operator is the driver, else as the metric that others read.</summary>
internal sealed class GatewayScaler(KubernetesClient client, RecommendedGateways recommended)
{
    /// <summary>Of a fleet that is gone nothing is recommended.</summary>
    public void Forget(ObjectKey fleet) => recommended.Forget(fleet);

    /// <summary>Returns what the API server refuses (null: nothing), and whether the fleet had changed meanwhile, so that the number is to be thought over.</summary>
    public async Task<(ApplyProblem? Problem, bool Raced)> ScaleAsync(ConnectionFleet fleet, FleetPlan plan, CancellationToken cancellation)
    {
        var key = ObjectKey.Of(fleet);
        // While it is paused, the plan knows the number of before the pause alone, and an autoscaler would set it again over one that was set since.
        if (plan.Scaling is not { } decision || plan.Paused)
        {
            recommended.Forget(key);
            return (null, false);
        }

        recommended.Set(key, decision.Recommended);
        if (
            fleet.Spec.Scaling?.Driver != ScalingDrivers.Operator
            || decision.Recommended == fleet.Spec.Gateway.Replicas
            || fleet.Metadata.DeletionTimestamp is not null
        )
        {
            return (null, false);
        }

        try
        {
            // The number that somebody else has set since the decision was made is not written over.
            await client.SetScaleAsync(
                ClusterResources.Fleets,
                key.Namespace,
                key.Name,
                decision.Recommended,
                resourceVersion: fleet.Metadata.ResourceVersion,
                cancellationToken: cancellation
            );
            return (null, false);
        }
        catch (KubernetesException error) when (error.IsConflict)
        {
            return (null, true);
        }
        catch (KubernetesException error)
        {
            return (ApplyProblem.Of("scale", error), false);
        }
        catch (TimeoutException error)
        {
            return (ApplyProblem.Of("scale", error), false);
        }
    }
}
