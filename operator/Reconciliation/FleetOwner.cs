using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Finds the fleet that an object belongs to. Pure.</summary>
internal static class FleetOwner
{
    /// <summary>By the owner reference, or the label where the object is owned by way of another (a pod, an EndpointSlice); null for a stranger.</summary>
    public static ObjectKey? Of(IKubernetesObject value)
    {
        var name = Controller(value)?.Name ?? value.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Fleet);
        return name is null ? null : new ObjectKey(value.Metadata.Namespace ?? "", name);
    }

    /// <summary>The object was made for exactly this fleet, not for one of the same name that is gone.</summary>
    public static bool Owns(ConnectionFleet fleet, IKubernetesObject value) =>
        Controller(value) is { } owner && owner.Uid == fleet.Metadata.Uid;

    /// <summary>A fleet owns it itself, not by way of another object.</summary>
    public static bool IsOwned(IKubernetesObject value) => Controller(value) is not null;

    private static OwnerReference? Controller(IKubernetesObject value) =>
        value.Metadata.OwnerReferences?.Find(owner =>
            owner.Kind == FleetApi.Kind && owner.ApiVersion.StartsWith(FleetApi.Group + "/", StringComparison.Ordinal)
        );
}
