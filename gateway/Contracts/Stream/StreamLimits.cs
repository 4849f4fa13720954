namespace Mooring.Contracts.Stream;

/// <summary>Bounds that both ends of the stream keep to.</summary>
public static class StreamLimits
{
    /// <summary>One message at most, in bytes; a longer one ends the stream with close code 1009.</summary>
    public const int MaxMessageBytes = 4 * 1024 * 1024;

    /// <summary>Path of the stream on the operator's HTTP server.</summary>
    public const string Path = "/stream/v1";

    /// <summary>WebSocket subprotocol of the stream.</summary>
    public const string Subprotocol = "mooring.stream.v1";

    /// <summary>Time between two load reports when nothing big changes.</summary>
    public static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(10);

    /// <summary>Time between two load reports when nothing changes at all (<see cref="ReportPace"/>).</summary>
    public static readonly TimeSpan QuietReportInterval = 2 * ReportInterval;

    /// <summary>A gateway that has sent nothing for this long counts as dead.</summary>
    public static readonly TimeSpan SilenceTimeout = QuietReportInterval + TimeSpan.FromSeconds(15);

    /// <summary>Audience of the gateway's projected ServiceAccount token.</summary>
    public const string TokenAudience = "mooring";
}
