using Mooring.Contracts.Stream;

namespace Mooring.Operator.Scaling;

/// <summary>Everything that the next step of a rollout or scale-in follows from. Equal inputs, equal step.</summary>
public sealed record SequenceInput
{
    public required DateTimeOffset Now { get; init; }

    /// <summary>Gateways wanted, whoever decided it. 0 or more.</summary>
    public required int Wanted { get; init; }

    /// <summary>The revision that all are to be of.</summary>
    public required string Revision { get; init; }

    /// <summary>Every gateway there is, those that are ending included.</summary>
    public required IReadOnlyList<SequenceGateway> Gateways { get; init; }

    /// <summary>How many gateways of each revision are asked for at present (a Deployment's replicas); a revision without one is not here.</summary>
    public required IReadOnlyList<RevisionGroup> Groups { get; init; }

    public required SequencePace Pace { get; init; }
}

/// <summary>The gateways of one revision, as asked for.</summary>
/// <param name="Revision">Name of the revision.</param>
/// <param name="Replicas">How many are asked for now.</param>
/// <param name="Existing">How many the cluster counts that are not ending; more than are seen while the caches catch up.</param>
/// <param name="IsObserved">The cluster has taken note of <paramref name="Replicas"/>; until then it may still act on an earlier number.</param>
public sealed record RevisionGroup(string Revision, int Replicas, int Existing, bool IsObserved = true);

/// <summary>The times and bounds of a fleet's sequence.</summary>
public sealed record SequencePace
{
    /// <summary>Between cordon and drain.</summary>
    public required TimeSpan LameDuck { get; init; }

    /// <summary>From the drain's start until what is left is closed.</summary>
    public required TimeSpan Deadline { get; init; }

    /// <summary>Gateways that may serve or start beyond those wanted, in percent of these; one at least.</summary>
    public int SurgePercent { get; init; } = 25;

    /// <summary>
    /// Free slots that are always kept, in percent of the capacity of the gateways wanted: then gateways are cordoned before others have come, as far
    /// as the free capacity goes. Null: never fewer ready gateways than wanted.
    /// </summary>
    public int? MinFreePercent { get; init; }

    /// <summary>A gateway of the wanted revision is ready for so long, without a break, before it stands in for another. Zero: as soon as it is.</summary>
    public TimeSpan MinReady { get; init; }

    /// <summary>A gateway whose stream has been away for so long cannot be told anything: its own end drains it.</summary>
    public TimeSpan UnheardLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Past a drain's deadline, for the answers to the last close frames and the last report.</summary>
    public TimeSpan DeadlineMargin { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>One gateway as the sequence sees it.</summary>
public sealed record SequenceGateway
{
    /// <summary>Unique in the fleet: the pod's name, or the process's.</summary>
    public required string Name { get; init; }

    public required string Revision { get; init; }

    public required GatewayStage Stage { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Since when it has been ready without a break; null: it is not, or that is not known.</summary>
    public DateTimeOffset? ReadySince { get; init; }

    /// <summary>Since when it has not been ready; null: it is, or that is not known.</summary>
    public DateTimeOffset? UnreadySince { get; init; }

    /// <summary>Null: it serves, as far as the operator is concerned.</summary>
    public DrainMark? Mark { get; init; }

    /// <summary>What people want of it; null: nothing. Of a gateway of an older revision it only says that nobody wants it back.</summary>
    public GatewayHold? Hold { get; init; }

    /// <summary>What it says by its stream; null while that is away.</summary>
    public GatewayLoad? Load { get; init; }

    /// <summary>Since when <see cref="Load"/> is null.</summary>
    public DateTimeOffset UnheardSince { get; init; }

    /// <summary>When one that is ending closes what is left, by itself; null: it is not ending, or that is not known.</summary>
    public DateTimeOffset? EndsAt { get; init; }

    /// <summary>It is ready, and has been for so long. One that is ready since a moment to come was so before the clock was set back.</summary>
    public bool IsSettled(DateTimeOffset now, TimeSpan minReady) =>
        Stage == GatewayStage.Ready && (ReadySince is not { } since || since > now + DrainSequence.Skew || since + minReady <= now);
}

/// <summary>What a gateway says of itself.</summary>
/// <param name="Connections">Open now.</param>
/// <param name="Capacity">Connections it takes; 0: not known yet.</param>
/// <param name="State">Serving, or how far its drain is.</param>
public sealed record GatewayLoad(int Connections, int Capacity, GatewayState State);

/// <summary>Where a gateway is in its life. In the order in which a cluster picks victims when fewer are asked for.</summary>
public enum GatewayStage
{
    /// <summary>No node was found for it yet.</summary>
    Unassigned,

    /// <summary>Its containers have not started.</summary>
    Pending,

    /// <summary>It runs, and load balancers leave it out: starting, failing or cordoned.</summary>
    NotReady,

    Ready,

    /// <summary>It is ending, and drains by itself.</summary>
    Terminating,
}
