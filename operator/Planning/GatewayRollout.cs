using Mooring.Kubernetes.Models;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>The next step of the gateways' sequence, as Deployments and pods.</summary>
/// <param name="Replicas">Of the Deployment of the wanted revision.</param>
/// <param name="Retiring">Deployments of older revisions that are still needed.</param>
/// <param name="Step">The step that both follow from.</param>
internal sealed record GatewayRollout(int Replicas, IReadOnlyList<RetiringDeployment> Retiring, SequenceStep Step)
{
    private static readonly SequenceStep Nothing = new()
    {
        Targets = [],
        Marks = [],
        Phase = SequencePhase.Complete,
    };

    public static GatewayRollout Decide(FleetInput input, string? revision)
    {
        if (revision is null)
        {
            return new GatewayRollout(input.Fleet.Spec.Gateway.Replicas, [], Nothing);
        }

        var observed = GatewayObserver.Observe(input, revision);
        var step = DrainSequence.Decide(observed);
        var retiring = input
            .Deployments.Where(deployment =>
                Label(deployment, ResourceLabels.Role) == ResourceLabels.GatewayRole
                && Label(deployment, ResourceLabels.Revision) != revision
            )
            .OrderBy(static deployment => deployment.Metadata.Name, StringComparer.Ordinal)
            .Where(static deployment =>
                // A status from before the last change of the spec says nothing of it.
                deployment.Spec?.Replicas != 0
                || !GatewayObserver.IsObserved(deployment)
                || deployment.Status?.Replicas > 0
            )
            .Select(deployment => new RetiringDeployment(
                deployment.Metadata.Name!,
                step.TargetOf(Label(deployment, ResourceLabels.Revision) ?? ""),
                deployment.Metadata.ResourceVersion
            ))
            .ToList();
        return new GatewayRollout(step.TargetOf(revision), retiring, step);
    }

    private static string? Label(Deployment deployment, string name) => deployment.Metadata.Labels?.GetValueOrDefault(name);
}
