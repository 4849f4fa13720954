using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Whether anything of a fleet is under way, as its status says. Pure.</summary>
internal static class AtRest
{
    /// <summary>It is ready, and nothing goes on or is wrong.</summary>
    public static bool Is(FleetStatus? status) =>
        status?.Conditions is { } conditions
        && conditions.Any(static one => one is { Type: FleetConditions.Ready, Status: FleetConditions.True })
        && conditions.All(static one =>
            one is not { Type: FleetConditions.Progressing or FleetConditions.Degraded, Status: FleetConditions.True }
        )
        && status.Gateways?.Draining == 0
        && (status.Workloads ?? []).All(static workload => workload.Draining == 0);

    /// <summary>And its spec is the one that the status is of.</summary>
    public static bool Is(ConnectionFleet fleet) =>
        fleet.Metadata.DeletionTimestamp is null && fleet.Status?.ObservedGeneration == fleet.Metadata.Generation && Is(fleet.Status);
}
