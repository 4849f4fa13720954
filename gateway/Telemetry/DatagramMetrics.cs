using Mooring.Contracts.Stream;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>Metrics of UDP listeners, whose flows are among the connections.</summary>
internal static class DatagramMetrics
{
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_datagrams_received_total",
            Counter,
            "Datagrams received from clients of a UDP listener.",
            ["listener"],
            s => Of(s, (name, load) => [new(load.ReceivedTotal, name)])
        ),
        new(
            "mooring_gateway_datagrams_sent_total",
            Counter,
            "Datagrams sent to clients of a UDP listener.",
            ["listener"],
            s => Of(s, (name, load) => [new(load.SentTotal, name)])
        ),
        new(
            "mooring_gateway_datagrams_dropped_total",
            Counter,
            "Datagrams that were not passed on.",
            ["listener", "reason"],
            s => Of(s, (name, load) => load.DroppedTotal.Select(dropped => new MetricSample(dropped.Value, name, dropped.Key)))
        ),
    ];

    private static IEnumerable<MetricSample> Of(MetricSource source, Func<string, DatagramLoad, IEnumerable<MetricSample>> samples) =>
        source
            .Report.Listeners.Where(listener => listener.Datagrams is not null)
            .SelectMany(listener => samples(listener.Name, listener.Datagrams!));
}
