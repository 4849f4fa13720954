using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Controllers;

/// <summary>Tells updates that change nothing but an object's status, most of which whoever reconciles it has written itself. Pure.</summary>
public static class StatusUpdate
{
    /// <summary>Whether it is one: the same object of the same generation, neither deleted nor labelled nor annotated anew.</summary>
    /// <remarks>
    /// Labels and annotations are the same where they are the same instance, as an informer keeps them that shares what is equal; otherwise the update counts as more.
    /// Objects without a generation may have changed in any way.
    /// </remarks>
    public static bool Is(IKubernetesObject before, IKubernetesObject after) =>
        (before.Metadata, after.Metadata) is ({ Generation: > 0 } old, { } now)
        && old.Uid == now.Uid
        && old.Generation == now.Generation
        && old.DeletionTimestamp == now.DeletionTimestamp
        && ReferenceEquals(old.Annotations, now.Annotations)
        && ReferenceEquals(old.Labels, now.Labels);
}
