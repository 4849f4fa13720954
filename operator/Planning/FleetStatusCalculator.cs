using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Planning;

/// <summary>Says what a fleet's status is. Pure; a condition that keeps its status keeps its transition time.</summary>
public static class FleetStatusCalculator
{
    public static FleetStatus Calculate(StatusInput input)
    {
        var fleet = input.Input.Fleet;
        var last = fleet.Status;
        var figures = Figures.Of(input);
        var (conditions, phase) = ConditionCalculator.Calculate(input, figures);
        var tuning = TuningStatusCalculator.Calculate(input);
        return new FleetStatus
        {
            ObservedGeneration = fleet.Metadata.Generation,
            Replicas = figures.GatewaysReady,
            Selector = ResourceLabels.GatewaySelector(fleet.Metadata.Name!),
            Phase = phase,
            Gateways = new GatewaysStatus
            {
                Desired = fleet.Spec.Gateway.Replicas,
                Ready = figures.GatewaysReady,
                Draining = figures.GatewaysDraining,
                Summary = $"{figures.GatewaysReady}/{fleet.Spec.Gateway.Replicas}",
                Image = input.Plan?.GatewayImage ?? last?.Gateways?.Image,
            },
            Backends = new BackendsStatus
            {
                Desired = figures.BackendsDesired,
                Ready = figures.BackendsReady,
                Summary = $"{figures.BackendsReady}/{figures.BackendsDesired}",
            },
            Connections = Connections(input.View, figures.GatewaysReady, last?.Connections),
            Rollout = input.Plan is { Revision.Length: > 0 } plan
                ? new RolloutStatus
                {
                    Revision = plan.Revision,
                    Phase = plan.Rollout.ToString(),
                    Remaining = figures.GatewaysOld,
                }
                : last?.Rollout,
            Tuning = tuning,
            Config = new ConfigStatus { Hash = input.Plan?.ConfigHash ?? last?.Config?.Hash, Acked = Acked(input.View, figures) },
            Conditions = [.. conditions, .. LimitConditions.Calculate(input, tuning)],
        };
    }

    // Of those connected or ready: a ready gateway that never dialled counts as one without.
    private static string? Acked(FleetView? view, Figures figures) =>
        view is null ? null : $"{view.AckedCount}/{Math.Max(view.Gateways.Count, figures.GatewaysReady)}";

    private static ConnectionsStatus? Connections(FleetView? view, int gatewaysReady, ConnectionsStatus? last)
    {
        if (view is null)
        {
            return last;
        }

        // A new leader hears from its gateways within seconds; until then the old figures are nearer the truth than zero.
        if (gatewaysReady > 0 && last is not null && view.Gateways.All(gateway => gateway.Report is null))
        {
            return last;
        }

        var serving = view.Gateways.Where(gateway => gateway.State == GatewayState.Serving).ToList();
        var current = Clamp(view.Connections);
        var capacity = Clamp(view.Capacity);
        return new ConnectionsStatus
        {
            Current = current,
            Capacity = capacity,
            Available = Clamp(serving.Sum(gateway => Math.Max(0L, gateway.Report!.Capacity - (long)gateway.Report.Connections))),
            UtilizationPercent = capacity == 0 ? 0 : Clamp(100L * current / capacity),
        };
    }

    private static int Clamp(long value) => (int)Math.Clamp(value, 0, int.MaxValue);
}

/// <summary>How many there are of what the status counts.</summary>
internal sealed record Figures
{
    /// <summary>Serving gateways, surplus ones not counted.</summary>
    public required int GatewaysReady { get; init; }

    public required int GatewaysDraining { get; init; }

    /// <summary>Gateways of older revisions that are still there.</summary>
    public required int GatewaysOld { get; init; }

    public required int BackendsDesired { get; init; }

    public required int BackendsReady { get; init; }

    /// <summary>Backends that have fewer endpoints than wanted, each with its figures.</summary>
    public required IReadOnlyList<string> ShortBackends { get; init; }

    public static Figures Of(StatusInput input)
    {
        var fleet = input.Input.Fleet;
        var gateways = input
            .Input.Deployments.Where(deployment =>
                deployment.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
            )
            .ToList();
        var old = gateways.Where(deployment => input.Plan is not null && deployment.Metadata.Name != input.Plan.GatewayDeployment).ToList();
        var speaking = input.View?.Gateways ?? [];
        var ready =
            input.Input.Platform == FleetPlatform.Host
                ? speaking.Count(gateway => gateway.State is null or GatewayState.Serving)
                : gateways.Where(deployment => deployment.Spec?.Replicas != 0).Sum(deployment => deployment.Status?.ReadyReplicas ?? 0);
        var backends = fleet.Spec.Backends.Select(backend => BackendFigures.Of(backend, input)).ToList();
        return new Figures
        {
            GatewaysReady = Math.Min(ready, fleet.Spec.Gateway.Replicas),
            GatewaysDraining = Math.Max(
                speaking.Count(gateway => gateway.State is GatewayState.Cordoned or GatewayState.Draining or GatewayState.Drained),
                gateways.Sum(deployment => deployment.Status?.TerminatingReplicas ?? 0)
            ),
            GatewaysOld = old.Sum(deployment => (deployment.Status?.Replicas ?? 0) + (deployment.Status?.TerminatingReplicas ?? 0)),
            BackendsDesired = backends.Sum(backend => backend.Desired),
            BackendsReady = backends.Sum(backend => backend.Ready),
            ShortBackends = backends
                .Where(backend => backend.IsShort)
                .Select(backend => $"{backend.Name} {backend.Ready}/{backend.Desired}")
                .ToList(),
        };
    }
}
