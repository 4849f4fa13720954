using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Run;

/// <summary>Marks the operator's own pod while it leads: the Service of the stream selects that label, and it alone.</summary>
/// <remarks>
/// A leader whose process was killed takes the label away as its container starts again. One whose node died never does, and the Service publishes
/// addresses that are not ready: so whoever leads next takes it off the others.
/// </remarks>
internal sealed class LeaderLabel(KubernetesClient client, string ns, string? pod)
{
    public const string Name = "mooring.dev/leader";

    // What tells the pods of one installation from those of another in the same namespace.
    private static readonly string[] Installation = ["app.kubernetes.io/name", "app.kubernetes.io/instance"];

    /// <summary>Sets the label, and takes it off the other pods of this operator; or takes it away. Does nothing outside of a pod.</summary>
    /// <exception cref="KubernetesException">The API server refuses.</exception>
    public async Task SetAsync(bool leads, CancellationToken cancellation)
    {
        if (pod is null)
        {
            return;
        }

        await PatchAsync(pod, leads, cancellation);
        if (leads)
        {
            await ClearOthersAsync(pod, cancellation);
        }
    }

    private async Task ClearOthersAsync(string own, CancellationToken cancellation)
    {
        var leaders = await client.ListAsync(ClusterResources.Pods, ns, new ListOptions { LabelSelector = $"{Name}=true" }, cancellation);
        if (leaders.Items.FirstOrDefault(one => one.Metadata.Name == own)?.Metadata.Labels is not { } labels)
        {
            return;
        }

        foreach (
            var other in leaders.Items.Select(static one => one.Metadata).Where(one => one.Name != own && IsOfSame(labels, one.Labels))
        )
        {
            try
            {
                await PatchAsync(other.Name!, leads: false, cancellation);
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                // It went, and its label with it.
            }
        }
    }

    private static bool IsOfSame(IReadOnlyDictionary<string, string> own, IReadOnlyDictionary<string, string>? other) =>
        other is not null && Array.TrueForAll(Installation, label => own.GetValueOrDefault(label) == other.GetValueOrDefault(label));

    private Task PatchAsync(string name, bool leads, CancellationToken cancellation)
    {
        // A null takes the label away.
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [Name] = leads ? "true" : null } } };
        return client.PatchAsync(ClusterResources.Pods, ns, name, Patch.Merge(patch.ToJsonString()), cancellationToken: cancellation);
    }
}
