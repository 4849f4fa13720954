using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>Reads a fleet's pods, Deployments and streams as <see cref="DrainSequence"/> sees gateways. Pure.</summary>
internal static class GatewayObserver
{
    // By then a cluster has evicted what is on a node that is away (the default tolerations, counted from a taint that comes some seconds later): until then its clients may be there as before.
    private static readonly TimeSpan LostAfter = TimeSpan.FromMinutes(6);

    // For the answers to the last close frames, and for clocks that differ.
    private static readonly TimeSpan EndMargin = TimeSpan.FromSeconds(10);

    public static SequenceInput Observe(FleetInput input, string revision)
    {
        var groups = Groups(input);
        return new SequenceInput
        {
            Now = input.Now,
            Wanted = input.Fleet.Spec.Gateway.Replicas,
            Revision = revision,
            Groups = groups,
            Gateways = Gateways(input),
            Pace = Pace(input.Fleet.Spec.Gateway),
        };
    }

    /// <summary>The fleet's gateway pods (on a host: processes), ordered by name; pods that have failed carry nobody, and their Deployment leaves them where they are.</summary>
    public static IReadOnlyList<SequenceGateway> Gateways(FleetInput input)
    {
        if (input.Platform == FleetPlatform.Host)
        {
            return [.. input.Gateways.Select(static process => process.Gateway)];
        }

        var views = (input.View?.Gateways ?? []).ToDictionary(static view => view.Name, StringComparer.Ordinal);
        var departed = (input.View?.Departed ?? []).ToDictionary(static one => one.Name, static one => one.At, StringComparer.Ordinal);
        return
        [
            .. input
                .Pods.Where(static pod =>
                    pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole && !HasEnded(pod)
                )
                .OrderBy(static pod => pod.Metadata.Name, StringComparer.Ordinal)
                .Select(pod => new SequenceGateway
                {
                    Name = pod.Metadata.Name!,
                    Revision = pod.Metadata.Labels!.GetValueOrDefault(ResourceLabels.Revision) ?? "",
                    Stage = StageOf(pod),
                    CreatedAt = pod.Metadata.CreationTimestamp ?? input.Now,
                    ReadySince = ReadyCondition(pod)?.LastTransitionTime,
                    UnreadySince = pod
                        .Status?.Conditions?.Find(static condition => condition is { Type: "Ready", Status: not "True" })
                        ?.LastTransitionTime,
                    Mark = DrainAnnotations.Read(pod.Metadata.Annotations),
                    Hold = HoldAnnotation.Read(pod.Metadata.Annotations),
                    Load = LoadOf(views.GetValueOrDefault(pod.Metadata.Name!)),
                    UnheardSince = UnheardSince(pod.Metadata.Name!),
                    EndsAt = EndsAt(pod, input.Fleet.Spec.Gateway.Drain),
                }),
        ];

        DateTimeOffset UnheardSince(string name) =>
            GatewayObserver.UnheardSince(
                departed.TryGetValue(name, out var gone) ? gone : null,
                views.GetValueOrDefault(name),
                input.ListeningSince,
                input.Now
            );
    }

    /// <summary>
    /// Those that may carry somebody. Not one that was to have ended by now and says nothing: on a node that is lost its pod may stay for hours, and what it was
    /// told last is no longer in force.
    /// </summary>
    public static IReadOnlyList<SequenceGateway> Present(FleetInput input)
    {
        var speaking = (input.View?.Gateways ?? []).Select(static view => view.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. Gateways(input)
                .Where(gateway =>
                    gateway.Stage != GatewayStage.Terminating
                    || speaking.Contains(gateway.Name)
                    || !(gateway.EndsAt + EndMargin <= input.Now && gateway.UnheardSince + DirectiveSender.TimeToLive <= input.Now)
                ),
        ];
    }

    /// <summary>
    /// Whether a gateway that says nothing may carry somebody all the same, or had clients who are on their way back. One that is not ready is waited for as long
    /// as its stream may be away, and as long as its node may; a process that served and has ended, until another in its place should.
    /// </summary>
    public static bool MayCarryUnheard(SequenceGateway gateway, FleetInput input)
    {
        var limit = Pace(input.Fleet.Spec.Gateway).UnheardLimit;
        return gateway.Stage switch
        {
            GatewayStage.Ready => true,
            GatewayStage.NotReady => input.Now < gateway.UnheardSince + limit || input.Now < gateway.UnreadySince + LostAfter,
            GatewayStage.Terminating => input.Now < gateway.UnheardSince + limit,
            _ => input.Platform == FleetPlatform.Host && input.Now < gateway.UnreadySince + DrainSequence.StuckAfter,
        };
    }

    /// <summary>Whether a pod was evicted, or has failed or ended otherwise: it carries nobody and does not come back, and what made it leaves it where it is.</summary>
    public static bool HasEnded(Pod pod) => pod.Status?.Phase is "Failed" or "Succeeded";

    /// <summary>Those whose stream ended and does not come back, since their pods are gone or have ended.</summary>
    public static IEnumerable<string> Gone(FleetView view, IEnumerable<Pod> pods)
    {
        var there = pods.Where(static pod => !HasEnded(pod)).Select(static pod => pod.Metadata.Name).ToHashSet(StringComparer.Ordinal);
        return view.Departed.Select(static one => one.Name).Where(name => !there.Contains(name));
    }

    /// <summary>Since when nothing was heard of a gateway that says nothing at present. One whose stream is back has its first report on its way: that it was not heard for long before that says nothing.</summary>
    /// <param name="gone">When its stream ended; null: it has one, or never had.</param>
    /// <param name="view">Its stream; null: it has none.</param>
    /// <param name="since">Since when it could have been heard.</param>
    /// <param name="now">The time.</param>
    internal static DateTimeOffset UnheardSince(DateTimeOffset? gone, GatewayView? view, DateTimeOffset since, DateTimeOffset now) =>
        gone ?? (view?.ConnectedAt is { } came && came <= now ? came : since);

    public static SequencePace Pace(GatewaySpec gateway) =>
        new()
        {
            LameDuck = Read(gateway.Drain?.LameDuck) ?? FleetDefaults.LameDuck,
            Deadline = Read(gateway.Drain?.Deadline) ?? FleetDefaults.DrainDeadline,
            SurgePercent = gateway.Rollout?.MaxSurgePercent ?? FleetDefaults.MaxSurgePercent,
            MinFreePercent = gateway.Rollout?.MinFreePercent,
            MinReady = RolloutProgress.MinReady(gateway.Rollout),
        };

    public static GatewayLoad? LoadOf(GatewayView? view) =>
        view?.Report is { } report ? new GatewayLoad(report.Connections, report.Capacity, report.State) : null;

    /// <summary>How many gateways of each revision are asked for, and how many there are.</summary>
    public static IReadOnlyList<RevisionGroup> Groups(FleetInput input) =>
        [
            .. input
                .Deployments.Where(static deployment =>
                    deployment.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.GatewayRole
                )
                .OrderBy(static deployment => deployment.Metadata.Name, StringComparer.Ordinal)
                .Select(static deployment => new RevisionGroup(
                    deployment.Metadata.Labels!.GetValueOrDefault(ResourceLabels.Revision) ?? "",
                    deployment.Spec?.Replicas ?? 0,
                    deployment.Status?.Replicas ?? 0,
                    IsObserved(deployment)
                )),
        ];

    /// <summary>Its ReplicaSet has been told of the spec: the Deployment's controller notes the generation after that (kubernetes.io, Deployment status).</summary>
    public static bool IsObserved(Deployment deployment) =>
        deployment.Metadata.Generation is not { } generation || deployment.Status?.ObservedGeneration >= generation;

    public static GatewayStage StageOf(Pod pod) =>
        pod switch
        {
            { Metadata.DeletionTimestamp: not null } => GatewayStage.Terminating,
            { Spec.NodeName: null or "" } => GatewayStage.Unassigned,
            { Status: null or { Phase: null or "Pending" } } => GatewayStage.Pending,
            _ when ReadyCondition(pod) is not null => GatewayStage.Ready,
            _ => GatewayStage.NotReady,
        };

    /// <summary>Its drain begins with its deletion, and the cluster kills it when its grace is over, which whoever deletes it may have made shorter.</summary>
    private static DateTimeOffset? EndsAt(Pod pod, DrainSpec? drain)
    {
        if (pod.Metadata is not { DeletionTimestamp: { } killed, DeletionGracePeriodSeconds: { } grace })
        {
            return pod.Metadata.DeletionTimestamp;
        }

        // The status is also of specs that are not good.
        var lameDuck = Duration.TryParse(drain?.LameDuck, out var lame) ? lame : FleetDefaults.LameDuck;
        var deadline = Duration.TryParse(drain?.Deadline, out var given) ? given : FleetDefaults.DrainDeadline;
        var closes = killed - TimeSpan.FromSeconds(grace) + lameDuck + deadline;
        return closes < killed ? closes : killed;
    }

    private static PodCondition? ReadyCondition(Pod pod) =>
        pod.Status?.Conditions?.Find(static condition => condition is { Type: "Ready", Status: "True" });

    private static TimeSpan? Read(string? text) => text is null ? null : Duration.Parse(text);
}
