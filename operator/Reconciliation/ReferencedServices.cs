using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Reconciliation;

/// <summary>Follows the Services that fleets refer to but that are not the operator's, and their EndpointSlices: only those, one by one.</summary>
/// <remarks>Following every slice of a big cluster would cost the operator memory for pods that are none of its business. Thread-safe.</remarks>
internal sealed class ReferencedServices(KubernetesClient client, ILoggerFactory loggers) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, Followed> _services = [];
    private readonly Dictionary<ObjectKey, HashSet<ObjectKey>> _byFleet = [];

    /// <summary>Called with a fleet's key when a Service that it refers to, or its endpoints, have changed. Set before the first <see cref="Set"/>.</summary>
    public Action<ObjectKey> Changed { get; set; } = static _ => { };

    /// <summary>Says which Services a fleet refers to from now on; none when it is gone.</summary>
    public void Set(ObjectKey fleet, IEnumerable<ObjectKey> services)
    {
        var wanted = services.ToHashSet();
        lock (_lock)
        {
            var had = _byFleet.GetValueOrDefault(fleet) ?? [];
            foreach (var service in wanted.Except(had))
            {
                Follow(service).Fleets.Add(fleet);
            }

            foreach (var service in had.Except(wanted))
            {
                Leave(service, fleet);
            }

            if (wanted.Count == 0)
            {
                _byFleet.Remove(fleet);
            }
            else
            {
                _byFleet[fleet] = wanted;
            }
        }
    }

    /// <summary>Whether the Service and its endpoints have been read, be it that there are none; <see cref="Changed"/> tells when that comes true.</summary>
    public bool IsKnown(ObjectKey service)
    {
        lock (_lock)
        {
            return _services.TryGetValue(service, out var followed) && followed.Service.HasSynced && followed.Slices.HasSynced;
        }
    }

    /// <summary>The Service as last seen; null while it is unknown or when there is none.</summary>
    public Service? Service(ObjectKey key)
    {
        lock (_lock)
        {
            return _services.GetValueOrDefault(key)?.Service.Cache.Find(key);
        }
    }

    public IReadOnlyList<EndpointSlice> Slices(ObjectKey service)
    {
        lock (_lock)
        {
            return _services.GetValueOrDefault(service)?.Slices.Cache.List() ?? [];
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var followed in _services.Values)
            {
                followed.Dispose();
            }

            _services.Clear();
        }
    }

    private Followed Follow(ObjectKey key)
    {
        if (_services.TryGetValue(key, out var known))
        {
            return known;
        }

        var followed = new Followed
        {
            Service = new SharedInformer<Service>(
                client,
                ClusterResources.Services,
                new SharedInformerOptions<Service> { Namespace = key.Namespace, FieldSelector = $"metadata.name={key.Name}" },
                loggers
            ),
            Slices = new SharedInformer<EndpointSlice>(
                client,
                ClusterResources.EndpointSlices,
                new SharedInformerOptions<EndpointSlice>
                {
                    Namespace = key.Namespace,
                    LabelSelector = $"{EndpointSlice.ServiceNameLabel}={key.Name}",
                },
                loggers
            ),
        };
        _services.Add(key, followed);
        followed.Service.AddHandler(ResourceEventHandler<Service>.ForAny(_ => Tell(key)));
        followed.Slices.AddHandler(ResourceEventHandler<EndpointSlice>.ForAny(_ => Tell(key)));
        followed.Run(() => Tell(key));
        return followed;
    }

    private void Leave(ObjectKey service, ObjectKey fleet)
    {
        if (_services.TryGetValue(service, out var followed) && followed.Fleets.Remove(fleet) && followed.Fleets.Count == 0)
        {
            followed.Dispose();
            _services.Remove(service);
        }
    }

    private void Tell(ObjectKey service)
    {
        ObjectKey[] fleets;
        lock (_lock)
        {
            fleets = _services.TryGetValue(service, out var followed) ? [.. followed.Fleets] : [];
        }

        Array.ForEach(fleets, Changed);
    }

    private sealed class Followed : IDisposable
    {
        private readonly CancellationTokenSource _stop = new();

        public required SharedInformer<Service> Service { get; init; }

        public required SharedInformer<EndpointSlice> Slices { get; init; }

        public HashSet<ObjectKey> Fleets { get; } = [];

        // Informers never fail: they try again until they are stopped.
        public void Run(Action known)
        {
            _ = Task.WhenAll(Service.RunAsync(_stop.Token), Slices.RunAsync(_stop.Token));
            _ = TellAsync(known, _stop.Token);
        }

        // A Service that is not there makes no event, and one without endpoints only half of them.
        private async Task TellAsync(Action known, CancellationToken stopping)
        {
            var both = Task.WhenAll(Service.WaitForSyncAsync(stopping), Slices.WaitForSyncAsync(stopping));
            await both.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (both.IsCompletedSuccessfully)
            {
                known();
            }
        }

        public void Dispose()
        {
            _stop.Cancel();
            _stop.Dispose();
        }
    }
}
