using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>A workload whose backend was taken out of the spec: it stays as it is until no gateway has a connection to it, or its time is over. Pure.</summary>
/// <remarks>
/// The gateways go on knowing it, with no listener before it: so they say what is open, and send its WebSockets away at the fleet's pace. Since when its pods
/// drain stands on them, as for a scale-in; how long they may, on the Deployment, for the spec no longer says.
/// </remarks>
/// <param name="Backend">Name of the backend.</param>
/// <param name="DrainTime">From the drain's start until a pod goes, whoever is still connected.</param>
/// <param name="Marks">To write on its pods.</param>
/// <param name="Draining">Pods whose mark is written.</param>
/// <param name="IsEmptying">Some of them have connections to be sent away.</param>
/// <param name="After">When its time is over.</param>
internal sealed record LeavingWorkload(
    string Backend,
    TimeSpan DrainTime,
    IReadOnlyList<MarkChange> Marks,
    IReadOnlySet<string> Draining,
    bool IsEmptying,
    TimeSpan? After
)
{
    /// <summary>Annotation of a workload's Deployment: the backend's own <c>drainTimeout</c>.</summary>
    public const string DrainTimeAnnotation = "mooring.dev/drain-timeout";

    // What a gateway's config may have.
    private const int MaxBackends = 64;

    private static readonly TimeSpan LongestDrain = TimeSpan.FromHours(24);

    // For the answers to the last close frames, and the last report.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private static readonly string[] Kinds = ["Deployment", "Service", "NetworkPolicy"];

    /// <summary>Those that are still needed, by name. Without streams none: nobody could be told, and nobody would say when it is over.</summary>
    public static IReadOnlyList<LeavingWorkload> Of(FleetInput input)
    {
        if (input.View is null || input.Platform == FleetPlatform.Host)
        {
            return [];
        }

        var backends = input.Fleet.Spec.Backends;
        return
        [
            .. input
                .Deployments.Where(deployment =>
                    deployment.Metadata is { DeletionTimestamp: null, Labels: { } labels }
                    && labels.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.BackendRole
                    && labels.TryGetValue(ResourceLabels.Backend, out var name)
                    && !backends.Any(backend => backend.Name == name)
                )
                .OrderBy(static deployment => deployment.Metadata.Name, StringComparer.Ordinal)
                .Select(deployment => Decide(input, deployment))
                .OfType<LeavingWorkload>()
                .Take(Math.Max(0, MaxBackends - backends.Count)),
        ];
    }

    /// <summary>What of it is to stay as it is.</summary>
    public IEnumerable<(string Kind, string Name)> Objects(ConnectionFleet fleet) =>
        Kinds.Select(kind => (kind, ResourceNames.Backend(fleet.Metadata.Name!, Backend)));

    public EndpointSourcePlan Source(ConnectionFleet fleet) => new(Backend, ResourceNames.Backend(fleet.Metadata.Name!, Backend), null);

    /// <summary>
    /// For the gateways, which by its having neither a listener before it nor a DNS name know that it is leaving: they send nobody new there, and what
    /// connects under way need of its spec they keep.
    /// </summary>
    public BackendConfig Config() =>
        new()
        {
            Name = Backend,
            Source = EndpointSource.Pushed,
            DrainTimeout = DrainTime,
        };

    /// <summary>None of it is wanted.</summary>
    public WorkloadPlan Plan(ConnectionFleet fleet) =>
        new()
        {
            Backend = Backend,
            Deployment = ResourceNames.Backend(fleet.Metadata.Name!, Backend),
            Image = "",
            Command = [],
            Env = [],
            Port = 0,
            Replicas = 0,
            Draining = Draining,
            DrainDeadline = DrainTime,
        };

    /// <summary>Null: it has nothing left to wait for.</summary>
    private static LeavingWorkload? Decide(FleetInput input, Deployment deployment)
    {
        var backend = deployment.Metadata.Labels![ResourceLabels.Backend];
        var time = TimeOf(input.Fleet, deployment);
        var connections = WorkloadMembers.Connections(input.View, backend);
        var heard = WorkloadMembers.HeardSince(input);
        var pods = WorkloadMembers
            .Pods(input, backend)
            .Where(static pod => pod.Metadata.DeletionTimestamp is null)
            .Select(static pod => (Name: pod.Metadata.Name!, Mark: DrainAnnotations.Read(pod.Metadata.Annotations)))
            .ToList();
        var waiting = pods.Where(pod => !IsDone(pod.Name, pod.Mark)).ToList();
        // A pause holds the gateways' config, and with it the backend that is in it.
        if (waiting.Count == 0 && !input.Fleet.Spec.Paused)
        {
            return null;
        }

        var now = DateTimeOffset.FromUnixTimeMilliseconds(input.Now.ToUnixTimeMilliseconds());
        return new LeavingWorkload(
            backend,
            time,
            [
                .. pods.Where(pod => !IsWhole(pod.Mark, input.Now))
                    .Select(pod => new MarkChange(pod.Name, pod.Mark, new DrainMark(DrainCauses.Removed, now, now, now + time))),
            ],
            pods.Where(static pod => pod.Mark is not null).Select(static pod => pod.Name).ToHashSet(StringComparer.Ordinal),
            pods.Exists(pod => pod.Mark is not null && connections.GetValueOrDefault(pod.Name) > 0),
            waiting.Min(pod => pod.Mark?.Deadline + Margin - input.Now)
        );

        // Empty is one of which every gateway has said so since it gets nothing new.
        bool IsDone(string pod, DrainMark? mark) =>
            IsWhole(mark, input.Now)
            && (
                mark!.Drained
                || mark.Deadline + Margin <= input.Now
                || (connections.GetValueOrDefault(pod) == 0 && heard >= mark.CordonedAt + WorkloadSequence.Settle)
            );
    }

    /// <summary>It says until when. One from the future was made before the clock was set back, and is to be made anew.</summary>
    private static bool IsWhole(DrainMark? mark, DateTimeOffset now) =>
        mark is { DrainStartedAt: { } started, Deadline: not null }
        && started <= now + DrainSequence.Skew
        && mark.CordonedAt <= now + DrainSequence.Skew;

    private static TimeSpan TimeOf(ConnectionFleet fleet, Deployment deployment) =>
        Duration.TryParse(deployment.Metadata.Annotations?.GetValueOrDefault(DrainTimeAnnotation), out var own)
        && own > TimeSpan.Zero
        && own <= LongestDrain
            ? own
            : WorkloadSequence.Deadline(fleet, null);
}
