using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Finds gateways whose pods lack a Secret that the config names. Pure.</summary>
internal static class MissingSecrets
{
    /// <summary>
    /// Pods of older revisions that do not mount each Secret that the spec names: they would refuse the config as a whole. They keep what they have until they are replaced,
    /// which their Secrets are a reason for. Ordered by name.
    /// </summary>
    public static IReadOnlyList<string> Gateways(FleetInput input)
    {
        if (input.Platform == FleetPlatform.Host)
        {
            return [];
        }

        var used = SecretPaths.Used(input.Fleet.Spec).Select(static use => use.Name).ToHashSet(StringComparer.Ordinal);
        if (used.Count == 0)
        {
            return [];
        }

        // The caches keep of a pod only what its Deployment does not say.
        var lacking = input
            .Deployments.Where(static deployment =>
                deployment.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
            )
            .Where(deployment => deployment.Spec?.Template?.Spec is { } spec && !used.IsSubsetOf(Mounted(spec)))
            .Select(static deployment => deployment.Metadata.Labels!.GetValueOrDefault(ResourceLabels.Revision) ?? "")
            .ToHashSet(StringComparer.Ordinal);
        return
        [
            .. input
                .Pods.Where(pod =>
                    pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
                    && lacking.Contains(pod.Metadata.Labels.GetValueOrDefault(ResourceLabels.Revision) ?? "")
                )
                .Select(static pod => pod.Metadata.Name!)
                .Order(StringComparer.Ordinal),
        ];
    }

    private static IEnumerable<string> Mounted(PodSpec spec) =>
        (spec.Volumes ?? []).Select(static volume => volume.Secret?.SecretName).OfType<string>();
}
