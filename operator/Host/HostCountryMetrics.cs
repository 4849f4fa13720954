using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>The families of <see cref="CountryLoad"/>. Pure.</summary>
internal static class HostCountryMetrics
{
    public static void Write(StringBuilder text, IReadOnlyCollection<GatewayView> gateways)
    {
        HostMetrics.Gauge(
            text,
            "mooring_gateway_country_connections",
            "Open client connections by the client's country.",
            Countries(gateways, static load => load.Connections)
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_country_accepted_total",
            "Client connections by the client's country.",
            Countries(gateways, static load => load.AcceptedTotal)
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_country_received_bytes_total",
            "Bytes received from clients by country, once an endpoint is connected.",
            Countries(gateways, static load => load.ReceivedBytesTotal)
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_country_sent_bytes_total",
            "Bytes sent to clients by country.",
            Countries(gateways, static load => load.SentBytesTotal)
        );
    }

    private static IEnumerable<(string, double)> Countries(IEnumerable<GatewayView> gateways, Func<CountryLoad, double> value) =>
        gateways.SelectMany(gateway =>
            gateway.Report!.Countries.Select(load => (HostMetrics.Of(gateway, ("country", load.Country)), value(load)))
        );
}
