using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Decides how many gateways of older revisions stay while those of a new one start.</summary>
internal sealed record GatewayRollout(RolloutPhase Phase, IReadOnlyList<RetiringDeployment> Retiring)
{
    /// <summary>
    /// Older gateways all serve until the new ones are ready, and are then let go together: each drains by itself within its grace period. An old Deployment
    /// is kept until it has no pod that is not terminating.
    /// </summary>
    public static GatewayRollout Decide(FleetInput input, string? revision)
    {
        var older = input
            .Deployments.Where(deployment =>
                Label(deployment, ResourceLabels.Role) == ResourceLabels.GatewayRole
                && Label(deployment, ResourceLabels.Revision) != revision
            )
            .OrderBy(deployment => deployment.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        if (revision is null || older.Count == 0)
        {
            return new GatewayRollout(RolloutPhase.Complete, []);
        }

        var current = input.Deployments.FirstOrDefault(deployment => Label(deployment, ResourceLabels.Revision) == revision);
        if (!IsReady(current, input.Fleet.Spec.Gateway.Replicas))
        {
            return new GatewayRollout(
                RolloutPhase.Surging,
                older.Select(deployment => new RetiringDeployment(deployment.Metadata.Name!, deployment.Spec?.Replicas ?? 0)).ToList()
            );
        }

        var retiring = older
            .Where(deployment => deployment.Spec?.Replicas != 0 || IsStale(deployment) || deployment.Status?.Replicas > 0)
            .Select(deployment => new RetiringDeployment(deployment.Metadata.Name!, 0))
            .ToList();
        return new GatewayRollout(retiring.Count == 0 ? RolloutPhase.Complete : RolloutPhase.Draining, retiring);
    }

    private static bool IsReady(Deployment? deployment, int wanted) =>
        deployment is not null && !IsStale(deployment) && (deployment.Status?.ReadyReplicas ?? 0) >= wanted;

    // A status from before the last change of the spec says nothing of it.
    private static bool IsStale(Deployment deployment) =>
        (deployment.Status?.ObservedGeneration ?? 0) < (deployment.Metadata.Generation ?? 0);

    private static string? Label(Deployment deployment, string name) => deployment.Metadata.Labels?.GetValueOrDefault(name);
}
