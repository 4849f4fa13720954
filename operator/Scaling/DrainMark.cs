namespace Mooring.Operator.Scaling;

/// <summary>That a gateway is to go, why, and how far it is: what a change of leader must not forget, so it is kept on the gateway's own pod.</summary>
/// <param name="Cause">One of <see cref="DrainCauses"/>.</param>
/// <param name="CordonedAt">When it was chosen. Its readiness fails from here on.</param>
/// <param name="DrainStartedAt">When its connections began to be closed; null before.</param>
/// <param name="Deadline">When what is left is closed; null before the drain began.</param>
/// <param name="Drained">Nothing is left, or the deadline is over: it may be removed, and its deletion cost says so.</param>
public sealed record DrainMark(
    string Cause,
    DateTimeOffset CordonedAt,
    DateTimeOffset? DrainStartedAt = null,
    DateTimeOffset? Deadline = null,
    bool Drained = false
);

/// <summary>Why a gateway drains.</summary>
public static class DrainCauses
{
    /// <summary>It is of an older revision.</summary>
    public const string Rollout = "rollout";

    /// <summary>There are more gateways than wanted.</summary>
    public const string ScaleIn = "scale-in";

    /// <summary>Its backend was taken out of the spec.</summary>
    public const string Removed = "removed";

    /// <summary>Somebody asked for it: <see cref="GatewayHold"/>.</summary>
    public const string Manual = "manual";

    /// <summary>Its pod is being deleted: a node drain, an eviction, or by hand.</summary>
    public const string Shutdown = "shutdown";
}
