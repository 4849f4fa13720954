namespace Mooring.Contracts.Configuration;

/// <summary>How long a connection may live, whatever goes over it: Envoy's <c>max_connection_duration</c>.</summary>
public sealed record LifetimeConfig
{
    /// <summary>From accept to the end. A TCP connection ends by RST, a WebSocket by a close frame with the drain's code. 1 s to 30 days.</summary>
    public required TimeSpan MaxDuration { get; init; }

    /// <summary>Each connection ends earlier by up to this share, so that those of one moment don't end in one. 0 to 100; default 10.</summary>
    public int JitterPercent { get; set; } = 10;
}
