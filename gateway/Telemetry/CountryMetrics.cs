using Mooring.Contracts.Stream;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>The metrics of traffic by country.</summary>
internal static class CountryMetrics
{
    private static readonly string[] Country = ["country"];

    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_country_connections",
            Gauge,
            "Open client connections by the client's country.",
            Country,
            s => Countries(s, c => c.Connections)
        ),
        new(
            "mooring_gateway_country_accepted_total",
            Counter,
            "Client connections by the client's country.",
            Country,
            s => Countries(s, c => c.AcceptedTotal)
        ),
        new(
            "mooring_gateway_country_received_bytes_total",
            Counter,
            "Bytes received from clients by country, once an endpoint is connected.",
            Country,
            s => Countries(s, c => c.ReceivedBytesTotal)
        ),
        new(
            "mooring_gateway_country_sent_bytes_total",
            Counter,
            "Bytes sent to clients by country.",
            Country,
            s => Countries(s, c => c.SentBytesTotal)
        ),
    ];

    private static IEnumerable<MetricSample> Countries(MetricSource source, Func<CountryLoad, double> value) =>
        source.Report.Countries.Select(country => new MetricSample(value(country), country.Country));
}
