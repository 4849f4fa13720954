using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Client;

/// <summary>What a watch tells.</summary>
public enum WatchEventType
{
    Added,
    Modified,
    Deleted,

    /// <summary>No change: only <see cref="WatchEvent{T}.ResourceVersion"/> has moved on.</summary>
    Bookmark,
}

/// <summary>One event of a watch. An Error event is thrown as <see cref="KubernetesException"/> instead.</summary>
/// <param name="Type">What happened.</param>
/// <param name="Object">The object after the event, or its last state when deleted. Null for a bookmark.</param>
/// <param name="ResourceVersion">Where to resume.</param>
public readonly record struct WatchEvent<T>(WatchEventType Type, T? Object, string ResourceVersion)
    where T : class, IKubernetesObject;
