using System.Globalization;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>How many pods a workload is to have, by the policy that gateways are scaled by too. Pure.</summary>
internal static class WorkloadScaling
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Decides; null where the spec alone says how many.</summary>
    /// <remarks>
    /// Connections on pods that drain count, and what these could carry does not; a pod that is gone and still has connections counts as one that drains. Without a
    /// word of any gateway the number stays, and with one of them silent it does not fall.
    /// </remarks>
    public static ScalingDecision? Decide(FleetInput input, BackendSpec backend)
    {
        if (backend.Workload is not { Scaling: { } spec, MaxConnections: { } capacity })
        {
            return null;
        }

        var connections = WorkloadMembers.Connections(input.View, backend.Name);
        var members = WorkloadMembers.Of(input, backend);
        var isHeard = input.View?.Gateways.Any(static gateway => gateway.Report is not null) == true;
        return ScalingPolicy.Decide(
            new ScalingInput
            {
                Now = input.Now,
                Rules = Rules(spec, input.Fleet.Spec.Paused),
                Current = Current(input, backend),
                Members = isHeard ? [.. Loads(members, connections, capacity)] : [],
                Silent = WorkloadMembers.SilentGateways(input),
                AssumedCapacity = capacity,
                Memory = Memory(Last(input, backend), input.Now),
            }
        );
    }

    /// <summary>How many are wanted before anything is decided: what the status remembers, else what is there, else what the spec says.</summary>
    /// <remarks>0 is what is remembered of one that was taken out of the spec; while it drains, its Deployment is as it was.</remarks>
    public static int Current(FleetInput input, BackendSpec backend) =>
        Last(input, backend) is { Replicas: > 0 and var last }
            ? last
            : Deployment(input, backend)?.Spec?.Replicas ?? backend.Workload!.Replicas;

    public static Deployment? Deployment(FleetInput input, BackendSpec backend)
    {
        var name = ResourceNames.Backend(input.Fleet.Metadata.Name!, backend.Name);
        return input.Deployments.FirstOrDefault(deployment => deployment.Metadata.Name == name);
    }

    /// <summary>What the status says, and remembers for the next decision.</summary>
    public static IReadOnlyList<WorkloadStatus>? Status(StatusInput input)
    {
        if (input.Plan is not { } plan)
        {
            return input.Input.Fleet.Status?.Workloads;
        }

        var seen = input.Input with { View = input.View };
        var statuses = plan.Workloads.Select(workload => Status(seen, workload, input.Now)).ToList();
        return statuses.Count == 0 ? null : statuses;
    }

    private static WorkloadStatus Status(FleetInput input, WorkloadPlan workload, DateTimeOffset now)
    {
        var last = input.Fleet.Status?.Workloads?.FirstOrDefault(one => one.Name == workload.Backend);
        var isSame = last?.Replicas == workload.Replicas && last.Reason == workload.Scaling?.Reason.ToString();
        var connections = WorkloadMembers.Connections(input.View, workload.Backend).Values.Sum();
        var memory = Memory(last, now);
        var room = (long)workload.Replicas * (workload.MaxConnections ?? 0);
        return new WorkloadStatus
        {
            Name = workload.Backend,
            Replicas = workload.Replicas,
            Draining = workload.Draining.Count,
            Connections = Clamp(connections),
            UtilizationPercent = room == 0 ? 0 : Clamp(100 * connections / room),
            Reason = workload.Scaling?.Reason.ToString(),
            Message = isSame ? last!.Message : workload.Scaling?.Message,
            LastScaleUpTime = Text(workload.Replicas > last?.Replicas ? now : memory.LastScaleUp),
            LastScaleDownTime = Text(workload.Replicas < last?.Replicas ? now : memory.LastScaleDown),
        };
    }

    private static IEnumerable<MemberLoad> Loads(
        IReadOnlyList<WorkloadMember> members,
        IReadOnlyDictionary<string, long> connections,
        int capacity
    )
    {
        var known = members.Select(static member => member.Name).ToHashSet(StringComparer.Ordinal);
        return members
            .Select(member => new MemberLoad(member.IsServing, Clamp(connections.GetValueOrDefault(member.Name)), capacity))
            .Concat(
                connections.Where(pair => !known.Contains(pair.Key)).Select(pair => new MemberLoad(false, Clamp(pair.Value), capacity))
            );
    }

    private static ScalingRules Rules(WorkloadScalingSpec spec, bool isPaused) =>
        new()
        {
            MinReplicas = spec.MinReplicas,
            MaxReplicas = spec.MaxReplicas,
            ScaleUpThresholdPercent = spec.ScaleUpThresholdPercent,
            ScaleDownThresholdPercent = spec.ScaleDownThresholdPercent,
            ScaleUpCooldown = Cooldown(spec.ScaleUpCooldown),
            ScaleDownCooldown = Cooldown(spec.ScaleDownCooldown),
            BufferConnections = spec.Buffer?.Connections ?? 0,
            BufferPercent = spec.Buffer?.Percent ?? 0,
            ScaleInPaused = spec.ScaleInPaused,
            Paused = spec.Paused || isPaused,
        };

    private static TimeSpan Cooldown(string text) => Duration.Parse(text) is var time && time > Day ? Day : time;

    private static WorkloadStatus? Last(FleetInput input, BackendSpec backend) =>
        input.Fleet.Status?.Workloads?.FirstOrDefault(workload => workload.Name == backend.Name);

    private static ScalingMemory Memory(WorkloadStatus? last, DateTimeOffset now) =>
        new(ScalingMemory.Past(Read(last?.LastScaleUpTime), now), ScalingMemory.Past(Read(last?.LastScaleDownTime), now));

    private static int Clamp(long value) => (int)Math.Clamp(value, 0, int.MaxValue);

    private static string? Text(DateTimeOffset? moment) =>
        moment?.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    internal static DateTimeOffset? Read(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment) ? moment : null;
}
