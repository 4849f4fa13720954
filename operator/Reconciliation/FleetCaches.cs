using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Everything of the cluster that the operator follows: the fleets, and what carries the operator's label.</summary>
/// <remarks>Label-scoped, so that the operator's memory grows with the fleets and not with the cluster. Thread-safe.</remarks>
internal sealed class FleetCaches
{
    // Where all are watched: "".
    private readonly IReadOnlyList<string> _namespaces;

    private volatile Action _wantingMonitors = static () => { };

    /// <summary>Makes the informers; nothing is asked of the API server before <see cref="RunAsync"/>.</summary>
    /// <param name="namespaces">Empty: all.</param>
    public FleetCaches(KubernetesClient client, IReadOnlyList<string> namespaces, ILoggerFactory loggers)
    {
        _namespaces = namespaces.Count == 0 ? [""] : [.. namespaces.Distinct(StringComparer.Ordinal)];
        Fleets = new WatchedKind<ConnectionFleet>(
            client,
            ClusterResources.Fleets,
            namespaces,
            // Where the definition was deleted and made anew, nobody wants to wait for its fleets.
            new SharedInformerOptions<ConnectionFleet> { Transform = ShareSpec, MaxBackoff = TimeSpan.FromSeconds(10) },
            loggers
        );
        ServiceAccounts = Children(ClusterResources.ServiceAccounts);
        ConfigMaps = Children(ClusterResources.ConfigMaps);
        Services = Children(ClusterResources.Services, CacheDiet.TrimService);
        Budgets = Children(ClusterResources.Budgets);
        NetworkPolicies = Children(ClusterResources.NetworkPolicies, CacheDiet.TrimPolicy);
        ServiceMonitors = new OptionalKind<ServiceMonitor>(
            client,
            ClusterResources.ServiceMonitors,
            namespaces,
            () => Children(ClusterResources.ServiceMonitors),
            loggers.CreateLogger<OptionalKind<ServiceMonitor>>()
        );
        Deployments = Children(ClusterResources.Deployments, CacheDiet.TrimDeployment);
        DaemonSets = Children(ClusterResources.DaemonSets);
        Autoscalers = Children(ClusterResources.Autoscalers);
        Pods = Children(ClusterResources.Pods, CacheDiet.TrimPod);
        // The cluster copies a Service's labels to its slices.
        EndpointSlices = Children(ClusterResources.EndpointSlices);

        WatchedKind<T> Children<T>(ResourceType<T> type, Action<T>? trim = null)
            where T : class, IKubernetesObject =>
            new(
                client,
                type,
                namespaces,
                new SharedInformerOptions<T>
                {
                    LabelSelector = ResourceLabels.ManagedSelector,
                    Transform = trim ?? CacheDiet.Trim,
                    Indexers = new Dictionary<string, Func<T, IEnumerable<string>>>(StringComparer.Ordinal)
                    {
                        [WatchedKind<T>.ByFleet] = static value => FleetOwner.Of(value) is { } fleet ? [fleet.ToString()] : [],
                    },
                },
                loggers
            );
    }

    public WatchedKind<ConnectionFleet> Fleets { get; }

    public WatchedKind<ServiceAccount> ServiceAccounts { get; }

    public WatchedKind<ConfigMap> ConfigMaps { get; }

    public WatchedKind<Service> Services { get; }

    public WatchedKind<PodDisruptionBudget> Budgets { get; }

    public WatchedKind<NetworkPolicy> NetworkPolicies { get; }

    public OptionalKind<ServiceMonitor> ServiceMonitors { get; }

    public WatchedKind<Deployment> Deployments { get; }

    public WatchedKind<DaemonSet> DaemonSets { get; }

    public WatchedKind<HorizontalPodAutoscaler> Autoscalers { get; }

    public WatchedKind<Pod> Pods { get; }

    public WatchedKind<EndpointSlice> EndpointSlices { get; }

    // A generation is one spec. Most changes are of the status: what was checked or rendered of the spec is known by the object.
    private void ShareSpec(ConnectionFleet fleet)
    {
        CacheDiet.Trim(fleet);
        if (Fleets.Find(ObjectKey.Of(fleet)) is { } known && known.Metadata.Uid == fleet.Metadata.Uid && IsSameGeneration(known, fleet))
        {
            fleet.Spec = known.Spec;
        }
    }

    private static bool IsSameGeneration(ConnectionFleet one, ConnectionFleet other) =>
        one.Metadata.Generation is > 0 and var generation && generation == other.Metadata.Generation;

    /// <summary>Everything that may be read has been. Of several namespaces those that may not be are passed over, unless nothing is left.</summary>
    public bool HasSynced => _namespaces.Any(HasSyncedIn) && _namespaces.All(IsDecided);

    /// <summary>Whether all that a fleet of the namespace consists of has been read.</summary>
    public bool HasSyncedIn(string ns) => InformersIn(ns).All(static informer => informer.HasSynced);

    /// <summary>Nothing is left to wait for: fleets are known, and what could not be read with them may not be.</summary>
    public bool IsSettled => _namespaces.Any(Fleets.HasSyncedIn) && _namespaces.All(IsDecided);

    /// <summary>What may not be read at present, as the API server says; none: everything may.</summary>
    public IReadOnlyList<string> Forbidden => [.. _namespaces.SelectMany(ForbiddenIn)];

    /// <summary>The same of what a fleet of the namespace consists of.</summary>
    public IReadOnlyList<string> ForbiddenIn(string ns) =>
        [
            .. InformersIn(ns)
                .Select(static informer => informer.Problem)
                .Where(static problem => problem is { IsForbidden: true })
                .Select(static problem => problem!.Message),
        ];

    private bool IsDecided(string ns) => HasSyncedIn(ns) || ForbiddenIn(ns).Count > 0;

    private IEnumerable<ISharedInformer> Informers => _namespaces.SelectMany(InformersIn);

    private IEnumerable<ISharedInformer> InformersIn(string ns) =>
        [
            .. Fleets.InformersIn(ns),
            .. ServiceAccounts.InformersIn(ns),
            .. ConfigMaps.InformersIn(ns),
            .. Services.InformersIn(ns),
            .. Budgets.InformersIn(ns),
            .. NetworkPolicies.InformersIn(ns),
            .. Deployments.InformersIn(ns),
            .. DaemonSets.InformersIn(ns),
            .. Autoscalers.InformersIn(ns),
            .. Pods.InformersIn(ns),
            .. EndpointSlices.InformersIn(ns),
        ];

    /// <summary>Calls with a fleet's key whenever anything that it consists of, or may consist of, changes; with low priority for all that is there already.</summary>
    public void OnChange(Action<ObjectKey, WorkPriority> changed)
    {
        Follow(ServiceAccounts);
        Follow(ConfigMaps);
        Follow(Services);
        Follow(Budgets);
        Follow(NetworkPolicies);
        ServiceMonitors.OnChange(Owners);
        Follow(Deployments);
        Follow(DaemonSets);
        Follow(Autoscalers);
        Follow(Pods);
        Follow(EndpointSlices);

        void Follow<T>(WatchedKind<T> kind)
            where T : class, IKubernetesObject => kind.OnChange(Owners);

        // Both states: an object whose label was taken away is still its fleet's matter.
        void Owners(IKubernetesObject? before, IKubernetesObject? after, WorkPriority priority)
        {
            var was = before is null ? null : FleetOwner.Of(before);
            var now = after is null ? null : FleetOwner.Of(after);
            if (was is { } old)
            {
                changed(old, priority);
            }

            if (now is { } current && current != was)
            {
                changed(current, priority);
            }
        }

        // Once there are ServiceMonitors.
        _wantingMonitors = () =>
        {
            foreach (var fleet in Fleets.List().Where(WantsMonitor))
            {
                changed(ObjectKey.Of(fleet), WorkPriority.Low);
            }
        };
    }

    public Task RunAsync(CancellationToken stopping) =>
        Together.RunAsync(
            [
                .. Informers.Select(static informer => (Func<CancellationToken, Task>)informer.RunAsync),
                token => ServiceMonitors.RunAsync(() => Fleets.List().Exists(WantsMonitor), () => _wantingMonitors(), token),
            ],
            stopping
        );

    public Task WaitForSyncAsync(CancellationToken cancellation) =>
        Task.WhenAll(Informers.Select(informer => informer.WaitForSyncAsync(cancellation)));

    private static bool WantsMonitor(ConnectionFleet fleet) => fleet.Spec.Observability?.ServiceMonitor is not null;
}
