using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;

namespace Mooring.Operator.Reconciliation;

/// <summary>One resource as followed in every watched namespace: one informer where all are watched, else one a namespace.</summary>
/// <remarks>Thread-safe. What it returns is the informers' own: never change it.</remarks>
internal sealed class WatchedKind<T> : IWatched<T>
    where T : class, IKubernetesObject
{
    /// <summary>The objects of a fleet, by <c>namespace/name</c> of the fleet.</summary>
    public const string ByFleet = "fleet";

    private readonly Dictionary<string, SharedInformer<T>> _informers;

    /// <summary>Makes the informers; <see cref="FleetCaches"/> runs them.</summary>
    /// <param name="namespaces">Empty: all.</param>
    public WatchedKind(
        KubernetesClient client,
        ResourceType<T> type,
        IReadOnlyList<string> namespaces,
        SharedInformerOptions<T> options,
        ILoggerFactory loggers
    )
    {
        Type = type;
        _informers = (namespaces.Count == 0 ? [""] : namespaces)
            .Distinct(StringComparer.Ordinal)
            .ToDictionary(
                ns => ns,
                ns => new SharedInformer<T>(client, type, options with { Namespace = ns.Length == 0 ? null : ns }, loggers),
                StringComparer.Ordinal
            );
    }

    public ResourceType<T> Type { get; }

    public IEnumerable<ISharedInformer> Informers => _informers.Values;

    /// <summary>The informers by their namespaces; where all are watched, the one of "".</summary>
    public IReadOnlyDictionary<string, SharedInformer<T>> ByNamespace => _informers;

    /// <summary>The one that sees a namespace; none where it is not watched.</summary>
    public IEnumerable<ISharedInformer> InformersIn(string ns) => InformerOf(ns) is { } informer ? [informer] : [];

    /// <summary>Whether what is there of it in a namespace is known.</summary>
    public bool HasSyncedIn(string ns) => InformerOf(ns) is { HasSynced: true };

    /// <summary>Everything of every watched namespace, in no order.</summary>
    public List<T> List() => [.. _informers.Values.SelectMany(informer => informer.Cache.List())];

    /// <summary>The object as last seen; null when there is none, or its namespace is not watched.</summary>
    public T? Find(ObjectKey key) => InformerOf(key.Namespace)?.Cache.Find(key);

    /// <summary>The fleet's objects as last seen, ordered by name.</summary>
    public IReadOnlyList<T> OfFleet(ObjectKey fleet) =>
        InformerOf(fleet.Namespace) is { } informer
            ? [.. informer.Cache.ByIndex(ByFleet, fleet.ToString()).OrderBy(value => value.Metadata.Name, StringComparer.Ordinal)]
            : [];

    /// <summary>Calls for each change with the object before and after; one of them is null where it came or went. Low: it was there already.</summary>
    public void OnChange(Action<T?, T?, WorkPriority> changed)
    {
        foreach (var informer in _informers.Values)
        {
            informer.AddHandler(
                new ResourceEventHandler<T>
                {
                    Added = value => changed(null, value, WorkPriority.Normal),
                    Existing = value => changed(null, value, WorkPriority.Low),
                    Updated = (before, after) => changed(before, after, WorkPriority.Normal),
                    Deleted = value => changed(value, null, WorkPriority.Normal),
                }
            );
        }
    }

    private SharedInformer<T>? InformerOf(string ns) => _informers.GetValueOrDefault("") ?? _informers.GetValueOrDefault(ns);
}
