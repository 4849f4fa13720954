using System.Globalization;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>Says since when gateways of the wanted revision are missing without anything getting on. Pure; the clock is kept in the status.</summary>
/// <remarks>
/// The cluster's own clock (<c>progressDeadlineSeconds</c>) ends for good once a Deployment was complete, and a revision is raised in steps: only the first
/// of them is under it.
/// </remarks>
internal static class RolloutProgress
{
    public static TimeSpan Deadline(ConnectionFleet fleet) =>
        // The status is also of specs that are not good.
        Duration.TryParse(fleet.Spec.Gateway.Rollout?.ProgressDeadline, out var given)
            ? given
            : FleetDefaults.ProgressDeadline;

    /// <summary>How long a gateway is ready before it counts.</summary>
    public static TimeSpan MinReady(RolloutSpec? rollout) =>
        rollout?.MinReadySeconds is { } seconds ? TimeSpan.FromSeconds(Math.Max(0, seconds)) : FleetDefaults.MinReady;

    /// <summary>Whether gateways take the places of others now, and count only once they have been ready for the least time.</summary>
    public static bool IsReplacing(FleetPlan? plan) => plan?.Rollout is SequencePhase.Surging or SequencePhase.Draining;

    /// <summary>When something got on last, in whole seconds; null: none is missing.</summary>
    /// <param name="input">What is seen, with the status as it was written last.</param>
    /// <param name="figures">What is counted now.</param>
    /// <param name="gateways">The pods (on a host: processes), with their marks.</param>
    public static DateTimeOffset? Last(StatusInput input, Figures figures, IReadOnlyList<SequenceGateway> gateways)
    {
        if (input.Plan is not { Revision.Length: > 0 } plan || !IsMissing(input, plan, gateways))
        {
            return null;
        }

        var before = input.Input.Fleet.Status;
        var hasMoved =
            before?.Rollout?.Revision != plan.Revision
            || figures.GatewaysUpdated > before.Rollout.Updated
            || figures.GatewaysOld < before.Rollout.Outdated
            // In a rollout one that crashes again and again would come again and again.
            || (!IsReplacing(plan) && figures.GatewaysReady > before.Gateways?.Ready)
            || before.Gateways?.Desired != input.Input.Fleet.Spec.Gateway.Replicas;
        // One that is to come was noted by a clock that has been set back since: waiting for it would take longer than the deadline.
        return !hasMoved && Read(before) is { } last && last <= input.Now
            ? last
            : DateTimeOffset.FromUnixTimeSeconds(input.Now.ToUnixTimeSeconds());
    }

    /// <summary>How long until what is missing now is overdue; null where nothing is, or is already.</summary>
    public static TimeSpan? UntilOverdue(ConnectionFleet fleet, FleetStatus status, DateTimeOffset now) =>
        Read(status) is { } last && last + Deadline(fleet) - now is var left && left > TimeSpan.Zero ? left : null;

    // Those that are on their way out are not ready either, and nobody waits for them.
    private static bool IsMissing(StatusInput input, FleetPlan plan, IReadOnlyList<SequenceGateway> gateways)
    {
        var isReplacing = IsReplacing(plan);
        if (input.Input.Platform == FleetPlatform.Host)
        {
            var least = MinReady(input.Input.Fleet.Spec.Gateway.Rollout);
            return gateways.Any(gateway =>
                gateway.Mark is null
                && gateway.Revision == plan.Revision
                && (
                    gateway.Stage == GatewayStage.Pending
                    || (isReplacing && gateway.Stage == GatewayStage.Ready && !gateway.IsSettled(input.Now, least))
                )
            );
        }

        var deployment = input.Input.Deployments.FirstOrDefault(deployment => deployment.Metadata.Name == plan.GatewayDeployment);
        var leaving = gateways.Where(gateway =>
            gateway is { Mark: not null, Stage: not GatewayStage.Terminating } && gateway.Revision == plan.Revision
        );
        var (gone, readyYet) = leaving.Aggregate(
            (All: 0, Ready: 0),
            static (sum, gateway) => (sum.All + 1, sum.Ready + (gateway.Stage == GatewayStage.Ready ? 1 : 0))
        );
        // Available: ready for as long as the Deployment asks.
        var there = (isReplacing ? deployment?.Status?.AvailableReplicas : deployment?.Status?.ReadyReplicas) ?? 0;
        return deployment is not null && (deployment.Spec?.Replicas ?? 0) - gone > there - readyYet;
    }

    /// <summary>The status with that moment as far from now as before the clock was set.</summary>
    public static FleetStatus? Shift(FleetStatus? status, TimeSpan by) =>
        Read(status) is { } last ? status! with { Rollout = status.Rollout! with { LastProgressTime = Write(last + by) } } : status;

    /// <summary>As the status has it.</summary>
    public static string? Write(DateTimeOffset? moment) =>
        moment?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>What the status has of it; null: nothing.</summary>
    public static DateTimeOffset? Read(FleetStatus? status) =>
        DateTimeOffset.TryParse(
            status?.Rollout?.LastProgressTime,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var moment
        )
            ? moment
            : null;
}
