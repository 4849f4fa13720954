using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Run;

/// <summary>Marks the operator's own pod while it leads: the Service of the stream selects that label.</summary>
/// <remarks>
/// A leader that was killed leaves its label behind until its container starts again and takes it away; gateways that meet a replica
/// which does not lead are turned away by it and dial again.
/// </remarks>
internal sealed class LeaderLabel(KubernetesClient client, string ns, string? pod)
{
    public const string Name = "mooring.dev/leader";

    /// <summary>Sets or takes away the label; does nothing outside of a pod.</summary>
    public async Task SetAsync(bool leads, CancellationToken cancellation)
    {
        if (pod is null)
        {
            return;
        }

        // A null takes the label away.
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [Name] = leads ? "true" : null } } };
        await client.PatchAsync(ClusterResources.Pods, ns, pod, Patch.Merge(patch.ToJsonString()), cancellationToken: cancellation);
    }
}
