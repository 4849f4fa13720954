namespace Mooring.Operator.Scaling;

/// <summary>What is to be done now. Doing it twice is doing it once.</summary>
public sealed record SequenceStep
{
    /// <summary>How many gateways of each revision are to be asked for.</summary>
    public required IReadOnlyList<GroupTarget> Targets { get; init; }

    /// <summary>Marks to write or take away. A gateway is told of its mark only once that is written.</summary>
    public required IReadOnlyList<MarkChange> Marks { get; init; }

    public required SequencePhase Phase { get; init; }

    /// <summary>When time alone changes the step; null: only a change of what is seen does.</summary>
    public TimeSpan? After { get; init; }

    /// <summary>The target of a revision; 0 for one that is not known.</summary>
    public int TargetOf(string revision) => Targets.FirstOrDefault(target => target.Revision == revision)?.Replicas ?? 0;
}

/// <param name="Revision">Name of the revision.</param>
/// <param name="Replicas">How many are to be asked for.</param>
public sealed record GroupTarget(string Revision, int Replicas);

/// <param name="Gateway">Name of the gateway.</param>
/// <param name="Before">The mark it has; null for none.</param>
/// <param name="After">The mark it is to have; null takes it back.</param>
public sealed record MarkChange(string Gateway, DrainMark? Before, DrainMark? After);

public enum SequencePhase
{
    /// <summary>As many gateways as wanted, all of the wanted revision.</summary>
    Complete,

    /// <summary>Gateways of the wanted revision are starting; older ones serve on.</summary>
    Surging,

    /// <summary>Older gateways are being emptied.</summary>
    Draining,

    /// <summary>Surplus gateways of the wanted revision are being emptied.</summary>
    ScalingIn,
}
