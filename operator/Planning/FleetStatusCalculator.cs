using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Planning.Workloads;
using Mooring.Operator.Scaling;

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
                DefaultImage = input.Plan?.DefaultGatewayImage ?? last?.Gateways?.DefaultImage,
            },
            Backends = new BackendsStatus
            {
                Desired = figures.BackendsDesired,
                Ready = figures.BackendsReady,
                Summary = $"{figures.BackendsReady}/{figures.BackendsDesired}",
            },
            Connections = Connections(input, figures.GatewaysReady, last?.Connections),
            Bandwidth = IsUnheard(input, figures.GatewaysReady, last) ? last?.Bandwidth : Bandwidth(input.View!),
            Tunnels = IsUnheard(input, figures.GatewaysReady, last) ? last?.Tunnels : Tunnels(input),
            Rollout = Rollout(input, figures),
            Tuning = tuning,
            Config = new ConfigStatus { Hash = input.Plan?.ConfigHash ?? last?.Config?.Hash, Acked = Acked(input.View, figures) },
            Scaling = FleetScaling.Status(input.Input with { Now = input.Now }, input.Plan?.Scaling),
            Workloads = WorkloadScaling.Status(input),
            Conditions =
            [
                .. conditions,
                .. LimitConditions.Calculate(input, tuning),
                .. ScalingConditions.Calculate(input),
                .. WorkloadConditions.Calculate(input),
            ],
        };
    }

    // A fleet that is being deleted has no plan, and gateways that drain all the same.
    private static RolloutStatus? Rollout(StatusInput input, Figures figures)
    {
        var fleet = input.Input.Fleet;
        if (input.Plan is not { Revision.Length: > 0 } && fleet.Metadata.DeletionTimestamp is null)
        {
            return fleet.Status?.Rollout;
        }

        return new RolloutStatus
        {
            Revision = input.Plan?.Revision ?? fleet.Status?.Rollout?.Revision,
            Phase = input.Plan?.Rollout.ToString() ?? fleet.Status?.Rollout?.Phase,
            Updated = figures.GatewaysUpdated,
            Outdated = figures.GatewaysOld,
            Draining = figures.GatewaysDraining,
            Remaining = figures.Remaining,
            Deadline = RolloutProgress.Write(figures.Deadline),
            LastProgressTime = RolloutProgress.Write(figures.LastProgress),
        };
    }

    // Of those connected or ready: a ready gateway that never dialled counts as one without.
    private static string? Acked(FleetView? view, Figures figures) =>
        view is null ? null : $"{view.AckedCount}/{Math.Max(view.Gateways.Count, figures.GatewaysReady)}";

    private static ConnectionsStatus? Connections(StatusInput input, int gatewaysReady, ConnectionsStatus? last)
    {
        if (IsUnheard(input, gatewaysReady, input.Input.Fleet.Status))
        {
            return last;
        }

        var view = input.View!;
        var serving = view.Gateways.Where(gateway => gateway.State == GatewayState.Serving).ToList();
        var current = Clamp(view.Connections);
        var capacity = Clamp(view.Capacity);
        return new ConnectionsStatus
        {
            Current = current,
            Capacity = capacity,
            Available = Clamp(serving.Sum(gateway => Math.Max(0L, gateway.Report!.Capacity - (long)gateway.Report.Connections))),
            UtilizationPercent = capacity == 0 ? 0 : Clamp(100L * current / capacity),
            SkewPercent = input.Plan?.SkewPercent ?? 0,
        };
    }

    /// <summary>A new leader hears from its gateways within seconds; until then the old figures are nearer the truth than zero.</summary>
    private static bool IsUnheard(StatusInput input, int gatewaysReady, FleetStatus? last) =>
        input.View is not { } view
        || (gatewaysReady > 0 && last?.Connections is not null && view.Gateways.All(static gateway => gateway.Report is null));

    private static BandwidthStatus Bandwidth(FleetView view)
    {
        var traffic = view
            .Gateways.SelectMany(static gateway => gateway.Report?.Listeners ?? [])
            .Select(static listener => listener.Traffic)
            .ToList();
        return new BandwidthStatus
        {
            ReceivedBitsPerSecond = Bits(traffic.Sum(static one => one.ReceivedBitsPerSecond)),
            SentBitsPerSecond = Bits(traffic.Sum(static one => one.SentBitsPerSecond)),
        };
    }

    private static TunnelsStatus? Tunnels(StatusInput input)
    {
        if (!input.Input.Fleet.Spec.Listeners.Any(static listener => listener.Protocol == Protocols.Tunnel))
        {
            return null;
        }

        var gateways = input.View!.Gateways.Where(static gateway => gateway.Report?.Tunnels is not null).ToList();
        return new TunnelsStatus
        {
            Open = Clamp(gateways.Sum(static gateway => (long)gateway.Report!.Tunnels!.Open)),
            Capacity = Clamp(
                gateways
                    .Where(static gateway => gateway.State == GatewayState.Serving)
                    .Sum(static gateway => (long)gateway.Report!.Tunnels!.Capacity)
            ),
        };
    }

    private static long Bits(double perSecond) => (long)Math.Clamp(perSecond, 0, 1e18);

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

    /// <summary>Serving gateways of the wanted revision; while they replace others, those that have been ready for the least time.</summary>
    public required int GatewaysUpdated { get; init; }

    /// <summary>Connections on gateways that are being emptied.</summary>
    public required int Remaining { get; init; }

    /// <summary>When the last drain closes what is left; null while none drains.</summary>
    public required DateTimeOffset? Deadline { get; init; }

    /// <summary>When something got on last; null while no gateway of the wanted revision is missing.</summary>
    public DateTimeOffset? LastProgress { get; init; }

    /// <summary>It is longer ago than the fleet allows.</summary>
    public bool IsOverdue { get; init; }

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
        var seen = input.Input with { View = input.View };
        var pods = GatewayObserver.Gateways(seen);
        var draining = GatewayObserver
            .Present(seen)
            .Where(static pod => pod.Mark is not null || pod.Stage == GatewayStage.Terminating)
            .ToList();
        var ready =
            input.Input.Platform == FleetPlatform.Host
                ? pods.Count(IsServing)
                // A cordoned one may still be ready: until its probe has failed.
                : gateways.Where(deployment => deployment.Spec?.Replicas != 0).Sum(deployment => deployment.Status?.ReadyReplicas ?? 0)
                    - draining.Count(static pod => pod.Stage == GatewayStage.Ready);
        var least = RolloutProgress.MinReady(fleet.Spec.Gateway.Rollout);
        var backends = fleet.Spec.Backends.Select(backend => BackendFigures.Of(backend, input)).ToList();
        var figures = new Figures
        {
            GatewaysReady = Math.Clamp(ready, 0, fleet.Spec.Gateway.Replicas),
            GatewaysDraining = Math.Max(
                speaking.Count(gateway => gateway.State is GatewayState.Cordoned or GatewayState.Draining or GatewayState.Drained),
                draining.Count
            ),
            GatewaysUpdated = pods.Count(pod =>
                IsServing(pod)
                && pod.Revision == input.Plan?.Revision
                && (!RolloutProgress.IsReplacing(input.Plan) || pod.IsSettled(input.Now, least))
            ),
            Remaining = (int)Math.Min(int.MaxValue, draining.Sum(static pod => (long)(pod.Load?.Connections ?? 0))),
            Deadline = draining.Max(static pod => pod.Mark?.Deadline ?? pod.EndsAt),
            GatewaysOld =
                input.Input.Platform == FleetPlatform.Host
                    ? pods.Count(pod => pod.Revision != input.Plan?.Revision)
                    : old.Sum(deployment => (deployment.Status?.Replicas ?? 0) + (deployment.Status?.TerminatingReplicas ?? 0)),
            BackendsDesired = backends.Sum(backend => backend.Desired),
            BackendsReady = backends.Sum(backend => backend.Ready),
            ShortBackends = backends
                .Where(backend => backend.IsShort)
                .Select(backend => $"{backend.Name} {backend.Ready}/{backend.Desired}")
                .ToList(),
        };
        var last = RolloutProgress.Last(input, figures, pods);
        return figures with { LastProgress = last, IsOverdue = last + RolloutProgress.Deadline(fleet) <= input.Now };
    }

    private static bool IsServing(SequenceGateway pod) => pod is { Stage: GatewayStage.Ready, Mark: null };
}
