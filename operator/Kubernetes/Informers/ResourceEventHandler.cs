using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Informers;

/// <summary>What to do about changes. Called by the informer's own loop, one at a time and in order: enqueue and return, never block.</summary>
/// <remarks>The objects are the cache's own and shared: read them, never change them (<see cref="Client.ResourceType{T}.Clone"/> copies).</remarks>
public sealed record ResourceEventHandler<T>
    where T : class, IKubernetesObject
{
    public Action<T>? Added { get; init; }

    /// <summary>Hears instead of <see cref="Added"/> of what is no news: the objects of the first list, or those cached when the handler comes. Null: Added hears of them.</summary>
    public Action<T>? Existing { get; init; }

    /// <summary>Old and new; both are the same object when this is a resync.</summary>
    public Action<T, T>? Updated { get; init; }

    /// <summary>The last state that was seen; where the deletion itself was missed, it may be an older one.</summary>
    public Action<T>? Deleted { get; init; }

    /// <summary>The same for every change.</summary>
    public static ResourceEventHandler<T> ForAny(Action<T> changed) =>
        new()
        {
            Added = changed,
            Updated = (_, value) => changed(value),
            Deleted = changed,
        };
}
