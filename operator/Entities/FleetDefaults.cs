namespace Mooring.Operator.Entities;

/// <summary>Values of what a manifest leaves out and the CRD gives no default, because a preset may fill it first.</summary>
public static class FleetDefaults
{
    public static readonly TimeSpan LameDuck = TimeSpan.FromSeconds(10);

    /// <summary>With <see cref="LameDuck"/> and a margin it stays below the 600 s that cluster autoscalers wait for a pod.</summary>
    public static readonly TimeSpan DrainDeadline = TimeSpan.FromMinutes(9);

    /// <summary>Longest lame-duck time and deadline together.</summary>
    public static readonly TimeSpan MaxDrain = TimeSpan.FromSeconds(590);

    /// <summary>Clients of the whole fleet sent away per second.</summary>
    public const int ReconnectsPerSecond = 200;

    /// <summary>Gateways beyond those wanted, in percent of these.</summary>
    public const int MaxSurgePercent = 25;

    /// <summary>How long a new gateway is ready before older ones go for it. Less than any progress deadline may be.</summary>
    public static readonly TimeSpan MinReady = TimeSpan.FromSeconds(5);

    /// <summary>A rollout that makes no progress for so long is degraded.</summary>
    public static readonly TimeSpan ProgressDeadline = TimeSpan.FromMinutes(10);
}
