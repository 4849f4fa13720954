using System.Collections.Concurrent;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Reconciliation;

/// <summary>Reads what a reconcile goes by, from caches only: it makes no request.</summary>
/// <remarks>Thread-safe for different fleets.</remarks>
internal sealed class FleetGatherer(
    FleetCaches caches,
    ReferencedServices references,
    GatewayHub hub,
    StreamIdentity stream,
    ReconciliationOptions options,
    TimeProvider time
)
{
    // By uid: a fleet that was deleted and made again starts without the other's past.
    private readonly ConcurrentDictionary<ObjectKey, (string Uid, FleetSpec Spec)> _lastGood = new();

    // A spec is checked once, not at each of the dozens of looks at it.
    private readonly ConcurrentDictionary<ObjectKey, Checked> _checked = new();

    // Made when this operator begins to lead.
    private long _listeningSince = stream.Endpoint is null ? 0 : time.GetUtcNow().UtcTicks;

    public FleetObservation Gather(ConnectionFleet entity)
    {
        var key = ObjectKey.Of(entity);
        var (_, spec, errors) = Check(key, entity);
        var fleet = ReferenceEquals(spec, entity.Spec) ? entity : entity with { Spec = spec };
        var view = stream.Endpoint is null ? null : hub.View(key.ToString());
        var now = time.GetUtcNow();
        // Later than now: the clock was set back since. Another fleet's worker may write the same.
        var listening = Math.Min(Volatile.Read(ref _listeningSince), now.UtcTicks);
        Volatile.Write(ref _listeningSince, listening);
        var seen = new FleetInput
        {
            Fleet = fleet,
            Now = now,
            ListeningSince = new DateTimeOffset(listening, TimeSpan.Zero),
            View = view,
            Pods = caches.Pods.OfFleet(key),
            DefaultGatewayImage = options.GatewayImage,
            Stream = stream.Endpoint,
            HasServiceMonitors = caches.ServiceMonitors.IsPresentIn(key.Namespace),
            // One that only bears the fleet's label, or is a namesake's, is no gateway of it: a rollout would wait for it for ever.
            Autoscaler = caches.Autoscalers.OfFleet(key).FirstOrDefault(autoscaler => FleetOwner.Owns(fleet, autoscaler)),
            Deployments = [.. caches.Deployments.OfFleet(key).Where(deployment => FleetOwner.Owns(fleet, deployment))],
            Tuner = Tuner(key, fleet),
            SysctlTrials = [.. caches.Pods.OfFleet(key).Where(pod => FleetOwner.Owns(fleet, pod))],
        };
        return new FleetObservation
        {
            Seen = seen,
            Errors = errors,
            Input = Effective(key, fleet, errors.Count == 0) is { } effective ? seen with { Fleet = effective } : null,
            View = view,
            Now = now,
            Forbidden = caches.ForbiddenIn(key.Namespace),
        };
    }

    /// <summary>The endpoints of the backends that the operator tells the gateways, by name of the backend.</summary>
    /// <remarks>
    /// Without the backends whose Service has not been read yet, as right after a change of leader: to tell the gateways of no endpoints would cost
    /// them the ones that they have.
    /// </remarks>
    public IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> Endpoints(ObjectKey fleet, FleetPlan plan)
    {
        var own = plan.Workloads.Select(workload => workload.Backend).ToHashSet(StringComparer.Ordinal);
        references.Set(
            fleet,
            plan.EndpointSources.Where(source => !own.Contains(source.Backend))
                .Select(source => new ObjectKey(fleet.Namespace, source.Service))
        );
        var endpoints = new Dictionary<string, IReadOnlyList<EndpointInfo>>(StringComparer.Ordinal);
        foreach (var source in plan.EndpointSources)
        {
            var service = new ObjectKey(fleet.Namespace, source.Service);
            if (own.Contains(source.Backend))
            {
                endpoints[source.Backend] = EndpointResolver.Resolve(
                    source,
                    caches.Services.Find(service),
                    caches.EndpointSlices.OfFleet(fleet)
                );
            }
            else if (references.IsKnown(service))
            {
                endpoints[source.Backend] = EndpointResolver.Resolve(source, references.Service(service), references.Slices(service));
            }
        }

        return endpoints;
    }

    public void Forget(ObjectKey fleet)
    {
        _lastGood.TryRemove(fleet, out _);
        _checked.TryRemove(fleet, out _);
        references.Set(fleet, []);
    }

    private Checked Check(ObjectKey key, ConnectionFleet entity)
    {
        if (_checked.TryGetValue(key, out var known) && ReferenceEquals(known.Source, entity.Spec))
        {
            return known;
        }

        var fleet = FleetPresets.Fill(entity);
        return _checked[key] = new Checked(entity.Spec, fleet.Spec, FleetValidator.Validate(fleet));
    }

    private TunerObservation? Tuner(ObjectKey key, ConnectionFleet fleet) =>
        caches.DaemonSets.OfFleet(key) is [var tuner, ..]
            ? TunerObservation.Of(
                tuner,
                caches.Pods.OfFleet(key),
                hub.Tuners(key.ToString()),
                hub.HasTuners(key.ToString()),
                fleet.Status?.Tuning
            )
            : null;

    /// <summary>The spec that was in force last, as it stands on the fleet's ConfigMap; null where there is none, or a field of it is none that this release knows.</summary>
    /// <remarks>By the rules of the release that put it in force: one that has come since must not leave what runs to itself.</remarks>
    private FleetSpec? Kept(ConnectionFleet fleet)
    {
        var map = caches.ConfigMaps.Find(new ObjectKey(fleet.Metadata.Namespace ?? "", ResourceNames.Gateway(fleet.Metadata.Name!)));
        return
            map is not null
            && FleetOwner.Owns(fleet, map)
            && LastGoodSpec.Read(map) is { } spec
            && FleetValidator.CheckFields(fleet with { Spec = spec }).Count == 0
            ? spec
            : null;
    }

    private ConnectionFleet? Effective(ObjectKey key, ConnectionFleet fleet, bool isGood)
    {
        var uid = fleet.Metadata.Uid ?? "";
        if (isGood && !fleet.Spec.Paused)
        {
            _lastGood[key] = (uid, fleet.Spec);
            return fleet;
        }

        // An operator that was started just now knows only what its predecessor left.
        if (!_lastGood.ContainsKey(key) && Kept(fleet) is { } kept)
        {
            _lastGood.TryAdd(key, (uid, kept));
        }

        // While it is paused, what is in force is the spec from before the pause.
        if (!_lastGood.TryGetValue(key, out var last) || last.Uid != uid)
        {
            return isGood ? fleet : null;
        }

        var effective = fleet with { Spec = last.Spec with { Paused = fleet.Spec.Paused } };
        if (fleet.Spec.Paused || SpecOverlay.Put(last.Spec, fleet.Spec) is not { } overlaid)
        {
            return effective;
        }

        var scaled = fleet with { Spec = overlaid };
        if (FleetValidator.Validate(scaled).Except(FleetValidator.Validate(effective)).Any())
        {
            return effective;
        }

        // So that the next look finds nothing to check.
        _lastGood[key] = (uid, overlaid);
        return scaled;
    }

    /// <param name="Source">The spec as it stands in the cluster.</param>
    /// <param name="Spec">The same with its preset.</param>
    private sealed record Checked(FleetSpec Source, FleetSpec Spec, IReadOnlyList<FieldError> Errors);
}
