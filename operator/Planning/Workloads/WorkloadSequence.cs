using Mooring.Contracts.Stream;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>The next step of a workload's pods to as many as are wanted, by the gateways' own <see cref="DrainSequence"/>. Pure.</summary>
/// <param name="Replicas">What the Deployment is to ask for now: those that drain still count.</param>
/// <param name="Marks">To write on pods, or to take from them.</param>
/// <param name="Draining">Pods whose mark is written: gateways give them no new connection.</param>
/// <param name="Emptying">Of those, the ones that have connections to be sent away.</param>
/// <param name="After">When time alone changes the step.</param>
internal sealed record WorkloadSequence(
    int Replicas,
    IReadOnlyList<MarkChange> Marks,
    IReadOnlySet<string> Draining,
    IReadOnlySet<string> Emptying,
    TimeSpan? After
)
{
    // The pods of a Deployment are all of one kind here: what rolls them out is the cluster.
    private const string Revision = "";

    // A report that was on its way when the gateways heard of the drain may still miss a connection that had just been made.
    internal static readonly TimeSpan Settle = TimeSpan.FromSeconds(1);
    private static readonly IReadOnlySet<string> Nobody = new HashSet<string>();

    public static WorkloadSequence Decide(FleetInput input, BackendSpec backend, int wanted)
    {
        if (input.Platform == FleetPlatform.Host || WorkloadScaling.Deployment(input, backend) is not { } deployment)
        {
            return new WorkloadSequence(wanted, [], Nobody, Nobody, null);
        }

        var asked = deployment.Spec?.Replicas ?? 0;
        var pods = See(input, backend);
        var draining = pods.Where(static pod => pod.Mark is not null && pod.Stage != GatewayStage.Terminating).ToList();
        if (input.View is null)
        {
            // Nobody can be told of a drain, and nobody says when it is over.
            return new WorkloadSequence(wanted, [], Names(draining), Nobody, null);
        }

        var emptying = draining.Where(static pod => pod.Mark!.DrainStartedAt is not null && pod.Load!.Connections > 0).ToList();
        if (IsRolling(deployment))
        {
            // The cluster replaces pods by an order of its own: fewer are asked for when it has done.
            return new WorkloadSequence(
                Math.Max(wanted, asked),
                TakenBack(pods, wanted, MayGo(deployment, pods)),
                Names(draining),
                Names(emptying),
                null
            );
        }

        var step = DrainSequence.Decide(
            new SequenceInput
            {
                Now = input.Now,
                Wanted = wanted,
                Revision = Revision,
                Gateways = pods,
                Groups = [new RevisionGroup(Revision, asked, deployment.Status?.Replicas ?? 0)],
                Pace = new SequencePace { LameDuck = TimeSpan.Zero, Deadline = Deadline(input.Fleet, backend) },
            }
        );
        // The caches may show a pod more than the Deployment, as in the first moment of a rollout: that is no reason for one more.
        var replicas = Math.Min(step.TargetOf(Revision), Math.Max(wanted, asked));
        return new WorkloadSequence(replicas, step.Marks, Names(draining), Names(emptying), step.After);
    }

    /// <summary>From the drain's start until a pod goes, whoever is still connected.</summary>
    public static TimeSpan Deadline(ConnectionFleet fleet, BackendSpec? backend) =>
        (backend?.DrainTimeout ?? fleet.Spec.Gateway.Drain?.Deadline) is { } text ? Duration.Parse(text) : FleetDefaults.DrainDeadline;

    private static List<SequenceGateway> See(FleetInput input, BackendSpec backend)
    {
        var connections = WorkloadMembers.Connections(input.View, backend.Name);
        var heard = WorkloadMembers.HeardSince(input);
        return
        [
            .. WorkloadMembers
                .Pods(input, backend.Name)
                .Select(pod =>
                {
                    var mark = DrainAnnotations.Read(pod.Metadata.Annotations);
                    return new SequenceGateway
                    {
                        Name = pod.Metadata.Name!,
                        Revision = Revision,
                        Stage = GatewayObserver.StageOf(pod),
                        CreatedAt = pod.Metadata.CreationTimestamp ?? input.Now,
                        Mark = mark,
                        Load = Load(connections.GetValueOrDefault(pod.Metadata.Name!), mark, heard),
                        UnheardSince = input.Now,
                    };
                }),
        ];
    }

    // Empty is one of which every gateway has said so since it gets nothing new.
    private static GatewayLoad Load(long connections, DrainMark? mark, DateTimeOffset? heard) =>
        new(
            (int)Math.Min(int.MaxValue, connections),
            Capacity: 0,
            mark is null ? GatewayState.Serving
                : connections == 0 && heard >= mark.CordonedAt + Settle ? GatewayState.Drained
                : GatewayState.Draining
        );

    /// <summary>Amid a rollout, which may be stuck: as many of those that drain, the ready ones and of them the most loaded first, as too few others serve.</summary>
    /// <param name="pods">The workload's.</param>
    /// <param name="wanted">Pods that are to serve.</param>
    /// <param name="mayGo">The cluster may be about to remove those that are marked as drained.</param>
    private static IReadOnlyList<MarkChange> TakenBack(List<SequenceGateway> pods, int wanted, bool mayGo) =>
        [
            .. pods.Where(pod => pod.Mark is { Drained: var drained } && !(drained && mayGo) && pod.Stage != GatewayStage.Terminating)
                .OrderByDescending(static pod => pod.Stage == GatewayStage.Ready)
                .ThenByDescending(static pod => pod.Load!.Connections)
                .Take(Math.Max(0, wanted - pods.Count(static pod => pod.Mark is null && pod.Stage == GatewayStage.Ready)))
                .Select(static pod => new MarkChange(pod.Name, pod.Mark, null)),
        ];

    private static bool MayGo(Deployment deployment, List<SequenceGateway> pods) =>
        !GatewayObserver.IsObserved(deployment)
        || (deployment.Spec?.Replicas ?? 0) < pods.Count(static pod => pod.Stage != GatewayStage.Terminating);

    private static bool IsRolling(Deployment deployment) =>
        !GatewayObserver.IsObserved(deployment) || (deployment.Status?.UpdatedReplicas ?? 0) < (deployment.Status?.Replicas ?? 0);

    private static HashSet<string> Names(List<SequenceGateway> pods) =>
        pods.Select(static pod => pod.Name).ToHashSet(StringComparer.Ordinal);
}
