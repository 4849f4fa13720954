using System.Diagnostics.Metrics;
using Mooring.Contracts.Stream;

namespace Mooring.Operator.Metrics;

/// <summary>The instruments of the stream with gateways and tuners. Process-wide and thread-safe.</summary>
internal static class StreamMetrics
{
    private static readonly Meter Meter = new(FleetMetrics.Name);

    private static readonly Counter<long> Opened = Meter.CreateCounter<long>(
        "mooring.stream.opened",
        "{stream}",
        "Streams opened, by role of the peer"
    );

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "mooring.stream.refused",
        "{stream}",
        "Streams refused: no good hello, or not who it said it was"
    );

    private static readonly Counter<long> Messages = Meter.CreateCounter<long>(
        "mooring.stream.messages",
        "{message}",
        "Messages of streams, by direction"
    );

    private static readonly Histogram<double> Acknowledged = Meter.CreateHistogram(
        "mooring.stream.config.ack.duration",
        "s",
        "From a config's being set, or the gateway's coming, to the gateway's word that it has it in force",
        advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] }
    );

    public static void StreamOpened(StreamRole role) => Opened.Add(1, new KeyValuePair<string, object?>("role", role.ToString()));

    public static void StreamRefused() => Refused.Add(1);

    public static void Received() => Messages.Add(1, new KeyValuePair<string, object?>("direction", "received"));

    public static void Sent() => Messages.Add(1, new KeyValuePair<string, object?>("direction", "sent"));

    public static void ConfigAcknowledged(TimeSpan after) => Acknowledged.Record(Math.Max(0, after.TotalSeconds));
}
