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
            Listeners(gateways, static (of, load) => [(of(null), load.ReceivedTotal)])
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_datagrams_sent_total",
            "Datagrams sent to clients of a UDP listener.",
            Listeners(gateways, static (of, load) => [(of(null), load.SentTotal)])
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_datagrams_dropped_total",
            "Datagrams that were not passed on.",
            Listeners(gateways, static (of, load) => load.DroppedTotal.Select(dropped => (of(dropped.Key), (double)dropped.Value)))
        );
    }

    private static IEnumerable<(string, double)> Listeners(
        IEnumerable<GatewayView> gateways,
        Func<Func<string?, string>, DatagramLoad, IEnumerable<(string, double)>> samples
    ) =>
        from gateway in gateways
        from listener in gateway.Report!.Listeners
        where listener.Datagrams is not null
        from sample in samples(
            reason =>
                reason is null
                    ? HostMetrics.Of(gateway, ("listener", listener.Name))
                    : HostMetrics.Of(gateway, ("listener", listener.Name), ("reason", reason)),
            listener.Datagrams
        )
        select sample;
}
