namespace Mooring.Operator.Scaling.Autoscaling;

/// <summary>How many there should be, and why.</summary>
/// <param name="Recommended">Within the bounds.</param>
/// <param name="Reason">A word for conditions and events.</param>
/// <param name="Message">The figures, for people.</param>
/// <param name="After">When time alone may change the decision; null: only a change of load does.</param>
public sealed record ScalingDecision(int Recommended, ScalingReason Reason, string Message, TimeSpan? After);

public enum ScalingReason
{
    /// <summary>As many as there should be.</summary>
    Steady,

    /// <summary>Above the upper threshold, or fewer free slots than the buffer asks for.</summary>
    LoadHigh,

    /// <summary>Below the lower threshold.</summary>
    LoadLow,

    /// <summary>Raised to, or kept at, the minimum.</summary>
    AtMinimum,

    /// <summary>Kept at, or lowered to, the maximum, though the load wants more.</summary>
    AtMaximum,

    /// <summary>A schedule's minimum.</summary>
    Scheduled,

    /// <summary>A change is wanted and the cooldown is not over.</summary>
    Cooldown,

    /// <summary>Fewer would do, and scale-in is paused.</summary>
    ScaleInPaused,

    /// <summary>Paused.</summary>
    Paused,

    /// <summary>Nobody has said what its load is.</summary>
    NoReports,
}
