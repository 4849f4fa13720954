namespace Mooring.Gateway.Hub.Resp;

/// <summary>What one connection to Redis may take in memory and time. Immutable.</summary>
internal sealed record RespLimits
{
    public static readonly RespLimits Default = new();

    /// <summary>Of one reply in memory: its bytes, and 24 for each value.</summary>
    public long MaxReply { get; init; } = 64 * 1024 * 1024;

    /// <summary>Bytes of a line: simple texts, errors, lengths.</summary>
    public int MaxLine { get; init; } = 64 * 1024;

    /// <summary>Lists within lists.</summary>
    public int MaxDepth { get; init; } = 16;

    /// <summary>Bytes that wait to be sent.</summary>
    public int MaxUnsent { get; init; } = 16 * 1024 * 1024;

    /// <summary>Calls that wait for an answer, those that were given up included.</summary>
    public int MaxInFlight { get; init; } = 8192;

    /// <summary>Of a connect with TLS and AUTH.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>After so long without a byte from the server it is asked for one.</summary>
    public TimeSpan PingAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After so long without a byte, having been asked, the connection is thrown away.</summary>
    public TimeSpan DeadAfter { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Bounds of the wait between two connects: doubled with each failure, drawn from the upper half.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(50);

    public TimeSpan LongestRetry { get; init; } = TimeSpan.FromSeconds(2);
}
