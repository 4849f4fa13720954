namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>What an endpoint takes from its clients. Immutable and thread-safe.</summary>
internal sealed record MessageLimits
{
    /// <summary>Longest message, in bytes of payload, all its fragments together and after inflation: 1 to 1 GiB, 64 KiB by default. Longer: 1009.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Fragments of one message: 1 to 65,535, 1,024 by default, so that empty ones do not go on for ever. More: 1008.</summary>
    public int MaxFragments { get; init; } = 1024;

    /// <summary>
    /// How many times its compressed size a message may inflate to, once it has more than 64 KiB: 200 by default, where deflate can reach 1,032;
    /// 0: no bound but the message's. More: 1009.
    /// </summary>
    public int MaxInflationRatio { get; init; } = 200;
}
