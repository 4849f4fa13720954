using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>The resources that the library itself uses.</summary>
public static class Resources
{
    public static ResourceType<Lease> Leases { get; } = ResourceType.For(KubernetesJson.Default.Lease);

    public static ResourceType<Event> Events { get; } = ResourceType.For(KubernetesJson.Default.Event);

    /// <summary>Only the metadata of any resource.</summary>
    public static ResourceType<PartialObject> Metadata(ResourceType of) =>
        new(of.Group, of.Version, of.Plural, of.Kind, of.Namespaced, KubernetesJson.Default.PartialObject);
}
