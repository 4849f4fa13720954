using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Objects of one kind as last seen. Thread-safe; what it returns is never to be changed.</summary>
internal interface IWatched<T>
    where T : class, IKubernetesObject
{
    ResourceType<T> Type { get; }

    /// <summary>Null when there is none, or its namespace is not watched.</summary>
    T? Find(ObjectKey key);

    /// <summary>The fleet's, ordered by name.</summary>
    IReadOnlyList<T> OfFleet(ObjectKey fleet);
}
