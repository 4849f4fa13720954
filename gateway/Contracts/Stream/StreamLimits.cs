using System.Globalization;

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

    /// <summary>Time between two load reports at most, when nothing changes at all (<see cref="ReportPace"/>): so long where the operator bears it.</summary>
    public static readonly TimeSpan QuietReportInterval = 6 * ReportInterval;

    /// <summary>The same at an operator that does not say how long it bears silence: those before <see cref="SilenceHeader"/> bore 35 s.</summary>
    public static readonly TimeSpan ShortQuietReportInterval = 2 * ReportInterval;

    /// <summary>A report may be late by so much.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(15);

    /// <summary>A gateway that has sent nothing for this long counts as dead.</summary>
    public static readonly TimeSpan SilenceTimeout = QuietReportInterval + Late;

    /// <summary>Response header of the upgrade: how long the operator bears silence, in whole seconds.</summary>
    public const string SilenceHeader = "Mooring-Silence-Timeout";

    /// <summary>Audience of the gateway's projected ServiceAccount token.</summary>
    public const string TokenAudience = "mooring";

    /// <summary>How often a gateway shows that it lives, by what the operator has said of silence. Pure.</summary>
    /// <param name="silence">Value of <see cref="SilenceHeader"/>; null, or no number: it has said nothing.</param>
    /// <returns>From <see cref="ShortQuietReportInterval"/> to <see cref="QuietReportInterval"/>.</returns>
    public static TimeSpan QuietInterval(string? silence)
    {
        if (!int.TryParse(silence, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            return ShortQuietReportInterval;
        }

        var borne = TimeSpan.FromSeconds(seconds) - Late;
        return borne < ShortQuietReportInterval ? ShortQuietReportInterval
            : borne > QuietReportInterval ? QuietReportInterval
            : borne;
    }
}
