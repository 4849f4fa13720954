namespace Mooring.Operator.Scaling;

/// <summary>What people want of one gateway, beside what the sequence wants: the admin API's cordon and drain.</summary>
public enum GatewayHold
{
    /// <summary>No new connections for it; the open ones stay, and so does it, until it is taken back. Another takes its place.</summary>
    Cordon,

    /// <summary>Once another can take its place, its connections are sent away at the fleet's pace, and it goes.</summary>
    Drain,
}

/// <summary>Writes a <see cref="GatewayHold"/> as an annotation of a pod, and reads it back.</summary>
public static class HoldAnnotation
{
    public const string Name = "mooring.dev/hold";

    public static string? Write(GatewayHold? hold) =>
        hold switch
        {
            GatewayHold.Cordon => "cordon",
            GatewayHold.Drain => "drain",
            _ => null,
        };

    /// <summary>Null where there is none; a word that is none of ours counts as none.</summary>
    public static GatewayHold? Read(IReadOnlyDictionary<string, string>? annotations) =>
        annotations?.GetValueOrDefault(Name) switch
        {
            "cordon" => GatewayHold.Cordon,
            "drain" => GatewayHold.Drain,
            _ => null,
        };
}
