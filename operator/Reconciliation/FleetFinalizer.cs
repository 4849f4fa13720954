using System.Collections.Concurrent;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Reconciliation;

/// <summary>Lets a fleet's gateways drain before the garbage collector takes everything, backends included.</summary>
/// <remarks>
/// Without it the backends would go in the same moment as the gateways, and no connection would live to see its drain. Bounded: when the drain's
/// own deadline is over, or a write is refused past it, the fleet goes all the same. So it does when nodes were not put back as they were in time.
/// </remarks>
internal sealed class FleetFinalizer(
    FleetCaches caches,
    PlanApplier applier,
    StatusWriter statuses,
    FleetEvents events,
    FleetMetrics metrics,
    GatewayHub hub,
    DirectiveSender directives,
    TimeProvider time
) : IEntityFinalizer<ConnectionFleet>
{
    // Set by the API server on what is deleted with propagationPolicy Foreground (kubernetes.io, Garbage Collection).
    private const string Foreground = "foregroundDeletion";

    // For the cluster to end pods after their grace period.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestDrain = TimeSpan.FromSeconds(600);

    // Made when this operator begins to lead.
    private readonly DateTimeOffset _listeningSince = time.GetUtcNow();

    // Each fleet that goes as it was first seen, by uid, on the steady clock: neither a clock that is set back nor one that is set forward moves what has begun.
    private readonly ConcurrentDictionary<string, Going> _going = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Identifier => "mooring.dev/drain";

    /// <inheritdoc/>
    public async Task<ReconciliationResult<ConnectionFleet>> FinalizeAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        var fleet = statuses.WithNewestStatus(entity);
        if (!_going.ContainsKey(fleet.Metadata.Uid ?? "") && fleet.Metadata.Finalizers?.Contains(Foreground) == true)
        {
            events.ReportForeground(fleet);
        }

        var first = FirstSeen(fleet);
        var since = first.Before + time.GetElapsedTime(first.At);
        var left = Drain(fleet) - since;
        if (!caches.HasSyncedIn(fleet.Metadata.Namespace ?? "") && left > TimeSpan.Zero)
        {
            // What may not be read is not gone: the drain is waited for as if it were there.
            return ReconciliationResult<ConnectionFleet>.Success(fleet, left < SightedController.Retry ? left : SightedController.Retry);
        }

        var unrestored = RestoreNodes(fleet, first.Tuning);
        var restoring = unrestored.Count > 0 ? NodeTuningPlan.RestoreDeadline - since : TimeSpan.Zero;
        try
        {
            await LowerGatewaysAsync(fleet, cancellationToken);
            var draining = GatewayPods(fleet) > 0 ? left : TimeSpan.Zero;
            if (draining > TimeSpan.Zero || restoring > TimeSpan.Zero)
            {
                await WriteStatusAsync(fleet, cancellationToken);
                var pace = draining > TimeSpan.Zero ? SharePace(fleet) : null;
                return ReconciliationResult<ConnectionFleet>.Success(fleet, Soonest(draining, restoring, pace));
            }
        }
        catch (KubernetesException) when (left <= TimeSpan.Zero)
        {
            // Its time is over; what is left is the garbage collector's.
            if (restoring > TimeSpan.Zero)
            {
                return ReconciliationResult<ConnectionFleet>.Success(fleet, restoring);
            }
        }

        events.ReportUnrestored(fleet, unrestored);
        hub.Remove(ObjectKey.Of(fleet).ToString());
        _going.TryRemove(fleet.Metadata.Uid ?? "", out _);
        return ReconciliationResult<ConnectionFleet>.Success(fleet);
    }

    private async Task LowerGatewaysAsync(ConnectionFleet fleet, CancellationToken cancellation)
    {
        foreach (var deployment in caches.Deployments.OfFleet(ObjectKey.Of(fleet)).Where(IsGateway))
        {
            if (deployment.Spec?.Replicas != 0 && deployment.Metadata.DeletionTimestamp is null && FleetOwner.Owns(fleet, deployment))
            {
                await applier.ScaleAsync(ObjectKey.Of(deployment), 0, version: null, cancellation);
            }
        }
    }

    /// <summary>
    /// Divides the fleet's rate among the gateways that end: each by itself closes at that divided by the replicas, and amid a rollout there are more than these.
    /// Returns when to come back; null: nobody has to be told again.
    /// </summary>
    private TimeSpan? SharePace(ConnectionFleet fleet)
    {
        var key = ObjectKey.Of(fleet);
        var view = hub.View(key.ToString());
        var input = new FleetInput
        {
            Fleet = FleetPresets.Fill(fleet),
            Now = time.GetUtcNow(),
            ListeningSince = _listeningSince,
            View = view,
            Pods = [.. caches.Pods.OfFleet(key).Where(IsGateway)],
        };
        var orders = FleetOrders.Decide(input.Fleet, GatewayObserver.Present(input), view, unsettled: true, emptying: false);
        // None is to serve again, even where the cache does not show yet that it ends.
        return directives.Send(key.ToString(), [.. orders.Orders.Where(static order => order.Kind == DirectiveKind.Drain)], view);
    }

    /// <summary>Has the nodes put back as they were; returns those that are not yet. The DaemonSet goes with the fleet.</summary>
    private IReadOnlyList<string> RestoreNodes(ConnectionFleet fleet, TuningStatus? before)
    {
        var key = ObjectKey.Of(fleet);
        if (caches.DaemonSets.OfFleet(key).FirstOrDefault(set => FleetOwner.Owns(fleet, set)) is not { } set)
        {
            return [];
        }

        var off = NodeTuningPlan.Off();
        hub.SetTuning(key.ToString(), off);
        return TunerObservation
            .Of(set, caches.Pods.OfFleet(key), hub.Tuners(key.ToString()), hub.HasTuners(key.ToString()), before)
            .Unrestored(off.Hash);
    }

    private int GatewayPods(ConnectionFleet fleet) =>
        caches.Pods.OfFleet(ObjectKey.Of(fleet)).Count(static pod => IsGateway(pod) && !GatewayObserver.HasEnded(pod));

    private Task WriteStatusAsync(ConnectionFleet fleet, CancellationToken cancellation)
    {
        var key = ObjectKey.Of(fleet);
        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = new FleetInput
                {
                    Fleet = fleet,
                    Now = time.GetUtcNow(),
                    ListeningSince = _listeningSince,
                    Deployments = caches.Deployments.OfFleet(key),
                    Pods = caches.Pods.OfFleet(key),
                },
                View = hub.View(key.ToString()),
                Now = time.GetUtcNow(),
            }
        );
        metrics.Note(key, status, ApplyReport.Nothing);
        return statuses.WriteAsync(fleet, status, cancellation);
    }

    private Going FirstSeen(ConnectionFleet fleet)
    {
        var before = time.GetUtcNow() - (fleet.Metadata.DeletionTimestamp ?? DateTimeOffset.MinValue);
        return _going.GetOrAdd(
            fleet.Metadata.Uid ?? "",
            new Going(time.GetTimestamp(), before > TimeSpan.Zero ? before : TimeSpan.Zero, fleet.Status?.Tuning)
        );
    }

    /// <summary>What a drain may take altogether.</summary>
    private static TimeSpan Drain(ConnectionFleet fleet)
    {
        var drain = fleet.Spec.Gateway.Drain;
        // A spec that was never good must not keep the fleet from going.
        var deadline = Duration.TryParse(drain?.Deadline, out var given) ? given : FleetDefaults.DrainDeadline;
        var lameDuck = Duration.TryParse(drain?.LameDuck, out var lame) ? lame : FleetDefaults.LameDuck;
        return (deadline + lameDuck < LongestDrain ? deadline + lameDuck : LongestDrain) + Margin;
    }

    private static TimeSpan Soonest(params ReadOnlySpan<TimeSpan?> times)
    {
        TimeSpan? soonest = null;
        foreach (var one in times)
        {
            soonest = one > TimeSpan.Zero && (soonest is null || one < soonest) ? one : soonest;
        }

        return soonest ?? TimeSpan.Zero;
    }

    private static bool IsGateway(IKubernetesObject value) =>
        value.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole;

    /// <param name="At">When it was first seen, on the steady clock.</param>
    /// <param name="Before">For how long it had been going then.</param>
    /// <param name="Tuning">Of its status then: while it goes the status says nothing of it.</param>
    private sealed record Going(long At, TimeSpan Before, TuningStatus? Tuning);
}
