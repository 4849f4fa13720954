using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Controllers;

/// <summary>From an object to the entity that owns it. Pure.</summary>
public static class OwnerMapping
{
    /// <summary>The owner of the given kind that the controller owner reference names; empty when there is none.</summary>
    /// <remarks>The version does not count: an owner may be stored under another one than it is watched under.</remarks>
    public static IEnumerable<ObjectKey> OwnersOf(IKubernetesObject child, ResourceType owner)
    {
        foreach (var reference in child.Metadata.OwnerReferences ?? [])
        {
            if (reference.Controller == true && reference.Kind == owner.Kind && GroupOf(reference.ApiVersion) == owner.Group)
            {
                // Owners are in the namespace of what they own, or in none.
                yield return new ObjectKey(owner.Namespaced ? child.Metadata.Namespace ?? "" : "", reference.Name);
            }
        }
    }

    /// <summary>A controller owner reference to an entity that was read from the server.</summary>
    /// <exception cref="ArgumentException">The entity has no name or UID.</exception>
    public static OwnerReference ReferenceTo(IKubernetesObject owner) =>
        new()
        {
            ApiVersion = owner.ApiVersion,
            Kind = owner.Kind,
            Name = owner.Metadata.Name ?? throw new ArgumentException("the owner has no name", nameof(owner)),
            Uid = owner.Metadata.Uid ?? throw new ArgumentException("the owner has no UID", nameof(owner)),
            Controller = true,
            // A deletion in the foreground should not hang on a right to update the owner's finalizers.
            BlockOwnerDeletion = false,
        };

    private static string GroupOf(string apiVersion)
    {
        var slash = apiVersion.IndexOf('/');
        return slash < 0 ? "" : apiVersion[..slash];
    }
}
