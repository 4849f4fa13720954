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
}
