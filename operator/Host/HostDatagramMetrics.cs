using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>The families of <see cref="DatagramLoad"/>, of UDP listeners. Pure.</summary>
internal static class HostDatagramMetrics
{
    public static void Write(StringBuilder text, IReadOnlyCollection<GatewayView> gateways)
    {
        HostMetrics.Counter(
            text,
            "mooring_gateway_datagrams_received_total",
            "Datagrams received from clients of a UDP listener.",
            Listeners(gateways).Select(static one => (HostMetrics.Of(one.Gateway, ("listener", one.Name)), (double)one.Load.ReceivedTotal))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_datagrams_sent_total",
            "Datagrams sent to clients of a UDP listener.",
            Listeners(gateways).Select(static one => (HostMetrics.Of(one.Gateway, ("listener", one.Name)), (double)one.Load.SentTotal))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_datagrams_dropped_total",
            "Datagrams that were not passed on.",
            Listeners(gateways)
                .SelectMany(static one =>
                    one.Load.DroppedTotal.Select(dropped =>
                        (HostMetrics.Of(one.Gateway, ("listener", one.Name), ("reason", dropped.Key)), (double)dropped.Value)
                    )
                )
        );
    }

    private static IEnumerable<(GatewayView Gateway, string Name, DatagramLoad Load)> Listeners(IEnumerable<GatewayView> gateways) =>
        from gateway in gateways
        from listener in gateway.Report!.Listeners
        where listener.Datagrams is not null
        select (gateway, listener.Name, listener.Datagrams);
}
