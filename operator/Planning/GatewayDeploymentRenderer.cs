using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the Deployment of one revision of the gateways. Its template never changes: another template is another revision.</summary>
internal static class GatewayDeploymentRenderer
{
    public static Deployment Render(ConnectionFleet fleet, GatewayRevision revision, int replicas)
    {
        var labels = ResourceLabels.ForGateway(fleet.Metadata.Name!);
        labels[ResourceLabels.Revision] = revision.Name;
        return new Deployment
        {
            Metadata = ObjectMetadata.For(fleet, ResourceNames.GatewayDeployment(fleet.Metadata.Name!, revision.Name), labels),
            Spec = new DeploymentSpec
            {
                Replicas = replicas,
                MinReadySeconds = RolloutProgress.MinReady(fleet.Spec.Gateway.Rollout) is { Ticks: > 0 } least
                    ? (int)least.TotalSeconds
                    : null,
                ProgressDeadlineSeconds = (int)RolloutProgress.Deadline(fleet).TotalSeconds,
                RevisionHistoryLimit = 1,
                Selector = new LabelSelector { MatchLabels = ResourceLabels.GatewayMatch(fleet.Metadata.Name!, revision.Name) },
                Template = revision.Template,
            },
        };
    }
}
