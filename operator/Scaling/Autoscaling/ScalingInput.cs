namespace Mooring.Operator.Scaling.Autoscaling;

/// <summary>Everything that a scaling decision follows from. Equal inputs, equal decision.</summary>
public sealed record ScalingInput
{
    public required DateTimeOffset Now { get; init; }

    public required ScalingRules Rules { get; init; }

    /// <summary>How many are asked for now.</summary>
    public required int Current { get; init; }

    /// <summary>What each that is there says; one that says nothing is in <see cref="Silent"/>.</summary>
    public required IReadOnlyList<MemberLoad> Members { get; init; }

    /// <summary>How many that should serve have not said anything: their load is not known.</summary>
    public int Silent { get; init; }

    /// <summary>What one takes where none has said so yet; 0: not known.</summary>
    public int AssumedCapacity { get; init; }

    public ScalingMemory Memory { get; init; } = ScalingMemory.Nothing;
}

/// <summary>The load of one gateway, or one pod of a backend.</summary>
/// <param name="IsServing">Takes new connections. Of one that drains the connections and signals count, for they will be back on the others, and the capacity does not.</param>
/// <param name="Connections">Open now.</param>
/// <param name="Capacity">Connections that it takes.</param>
public sealed record MemberLoad(bool IsServing, int Connections, int Capacity)
{
    /// <summary>Other signals, by name; absent: not known, and that keeps the count from falling.</summary>
    public IReadOnlyDictionary<string, double> Signals { get; init; } = NoSignals;

    private static readonly Dictionary<string, double> NoSignals = [];
}

/// <summary>When it was scaled last. Kept in the status, so that a change of leader forgets nothing.</summary>
/// <param name="LastScaleUp">Null: never.</param>
/// <param name="LastScaleDown">Null: never.</param>
public sealed record ScalingMemory(DateTimeOffset? LastScaleUp, DateTimeOffset? LastScaleDown)
{
    public static ScalingMemory Nothing { get; } = new(null, null);

    /// <summary>The moment, or now where it is yet to come: the clock was set back since, and a cooldown is not to last the longer for it.</summary>
    public static DateTimeOffset? Past(DateTimeOffset? moment, DateTimeOffset now) =>
        moment > now + DrainSequence.Skew ? DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()) : moment;
}

/// <summary>The thresholds and bounds of a fleet, or a backend.</summary>
public sealed record ScalingRules
{
    /// <summary>0 or more.</summary>
    public required int MinReplicas { get; init; }

    /// <summary>At least <see cref="MinReplicas"/>.</summary>
    public required int MaxReplicas { get; init; }

    /// <summary>Connections in percent of the capacity above which there are to be more: 1 to 100.</summary>
    public int ScaleUpThresholdPercent { get; init; } = 80;

    /// <summary>Connections in percent of the capacity below which there may be fewer: 0 to less than the other.</summary>
    public int ScaleDownThresholdPercent { get; init; } = 30;

    /// <summary>From one scale-up to the next, unless not a slot is free any more.</summary>
    public TimeSpan ScaleUpCooldown { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>From any change to the next scale-down.</summary>
    public TimeSpan ScaleDownCooldown { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Slots that are to be free, whatever the thresholds say.</summary>
    public int BufferConnections { get; init; }

    /// <summary>Slots that are to be free, in percent of the connections; the larger of the two buffers holds.</summary>
    public int BufferPercent { get; init; }

    /// <summary>What one is to carry of each other signal; a missing one is not looked at.</summary>
    public IReadOnlyDictionary<string, double> Targets { get; init; } = NoTargets;

    /// <summary>Signals that draining raises by itself: of those that drain they keep the count from falling, and never raise it.</summary>
    public IReadOnlySet<string> OwnWork { get; init; } = NoNames;

    /// <summary>Times with a minimum of their own.</summary>
    public IReadOnlyList<ScheduleWindow> Schedules { get; init; } = [];

    /// <summary>Never fewer, whatever the load.</summary>
    public bool ScaleInPaused { get; init; }

    /// <summary>Stay at what there is.</summary>
    public bool Paused { get; init; }

    private static readonly Dictionary<string, double> NoTargets = [];
    private static readonly HashSet<string> NoNames = [];
}
