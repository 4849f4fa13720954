using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Reconciles only what can be seen: while a right to read is missing from the start, fleets are told so and otherwise left as they are.</summary>
/// <remarks>A plan made from empty caches would take gateways for gone, and endpoints from those that serve.</remarks>
internal sealed class SightedController(
    IEntityController<ConnectionFleet> inner,
    FleetCaches caches,
    StatusWriter statuses,
    TimeProvider time
) : IEntityController<ConnectionFleet>
{
    /// <summary>How soon a right that was granted is noticed.</summary>
    public static readonly TimeSpan Retry = TimeSpan.FromSeconds(2);

    /// <inheritdoc/>
    public async Task<ReconciliationResult<ConnectionFleet>> ReconcileAsync(ConnectionFleet entity, CancellationToken cancellationToken)
    {
        var ns = entity.Metadata.Namespace ?? "";
        if (caches.HasSyncedIn(ns))
        {
            return await inner.ReconcileAsync(entity, cancellationToken);
        }

        var fleet = statuses.WithNewestStatus(entity);
        await statuses.WriteAsync(fleet, Blind(fleet, string.Join("; ", caches.ForbiddenIn(ns)), time.GetUtcNow()), cancellationToken);
        return ReconciliationResult<ConnectionFleet>.Success(fleet, Retry);
    }

    /// <inheritdoc/>
    public Task<ReconciliationResult<ConnectionFleet>> DeletedAsync(ConnectionFleet entity, CancellationToken cancellationToken) =>
        inner.DeletedAsync(entity, cancellationToken);

    /// <summary>The status as it was, but for what is not known any more. Pure.</summary>
    internal static FleetStatus Blind(ConnectionFleet fleet, string missing, DateTimeOffset now)
    {
        var last = fleet.Status ?? new FleetStatus();
        if (missing.Length == 0)
        {
            return last;
        }

        var before = last.Conditions?.FirstOrDefault(static condition => condition.Type == FleetConditions.Ready);
        var ready = new Condition
        {
            Type = FleetConditions.Ready,
            Status = FleetConditions.Unknown,
            Reason = FleetConditions.Forbidden,
            Message = $"the operator leaves the fleet as it is: {missing}",
            LastTransitionTime =
                before?.Status == FleetConditions.Unknown
                    ? before.LastTransitionTime
                    : DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()),
            ObservedGeneration = fleet.Metadata.Generation,
        };
        return last with
        {
            Conditions = [ready, .. (last.Conditions ?? []).Where(static condition => condition.Type != FleetConditions.Ready)],
        };
    }
}
