using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Reads a fleet's pods from the API server itself, just before fewer of them are asked for.</summary>
/// <remarks>
/// The caches may be a moment behind, and in that moment a pod may have come that the cluster would remove before the drained one.
/// </remarks>
internal sealed class FreshLook(KubernetesClient client)
{
    // What a problem with it is about.
    private const string Subject = "Deployments and pods";

    /// <summary>Whether the plan asks a Deployment for fewer.</summary>
    public static bool Lowers(FleetInput input, FleetPlan plan) =>
        !plan.Paused
        && (
            plan.Retiring.Any(retiring => Asked(input, retiring.Name) > retiring.Replicas)
            || plan.Objects.OfType<Deployment>().Any(one => Asked(input, one.Metadata.Name!) > one.Spec!.Replicas)
        );

    /// <summary>The input as it is now; or, where the API server does not show it, why not.</summary>
    /// <exception cref="HttpRequestException">It cannot be reached.</exception>
    public async Task<(FleetInput? Input, ApplyProblem? Problem)> TakeAsync(FleetInput input, CancellationToken cancellation)
    {
        try
        {
            return (await ReadAsync(input, cancellation), null);
        }
        catch (KubernetesException error)
        {
            return (null, ApplyProblem.Of(Subject, error));
        }
        catch (TimeoutException error)
        {
            return (null, ApplyProblem.Of(Subject, error));
        }
    }

    private async Task<FleetInput> ReadAsync(FleetInput input, CancellationToken cancellation)
    {
        var ns = input.Fleet.Metadata.Namespace;
        var options = new ListOptions { LabelSelector = ResourceLabels.Selector(input.Fleet.Metadata.Name!) };
        var deployments = await client.ListAsync(ClusterResources.Deployments, ns, options, cancellation);
        // Pods last: they are what must not be older than the rest.
        var pods = await client.ListAsync(ClusterResources.Pods, ns, options, cancellation);
        var fresh = deployments.Items.Where(deployment => FleetOwner.Owns(input.Fleet, deployment)).ToList();
        return input with { Deployments = fresh, Pods = [.. pods.Items] };
    }

    private static int Asked(FleetInput input, string deployment) =>
        input.Deployments.FirstOrDefault(one => one.Metadata.Name == deployment)?.Spec?.Replicas ?? 0;
}
