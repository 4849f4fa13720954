using System.Globalization;
using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>The families of <see cref="TrafficLoad"/>, by listener and by backend. Pure.</summary>
internal static class HostTrafficMetrics
{
    public static void Write(StringBuilder text, IReadOnlyCollection<GatewayView> gateways)
    {
        var backends = gateways.SelectMany(static gateway =>
            gateway.Report!.Backends.Select(load => (Labels: HostMetrics.Of(gateway, ("backend", load.Name)), Load: load))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_backend_received_bytes_total",
            "Bytes received from a backend.",
            backends.Select(static backend => (backend.Labels, (double)backend.Load.ReceivedBytesTotal))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_backend_sent_bytes_total",
            "Bytes from clients for a backend, heads of upgrade requests aside.",
            backends.Select(static backend => (backend.Labels, (double)backend.Load.SentBytesTotal))
        );
        Write(text, "mooring_gateway_", [.. gateways.SelectMany(Listeners)]);
        Write(text, "mooring_gateway_backend_", [.. gateways.SelectMany(Backends)]);
    }

    private static IEnumerable<Traffic> Listeners(GatewayView gateway) =>
        gateway.Report!.Listeners.Select(load => new Traffic(gateway, ("listener", load.Name), load.Traffic));

    private static IEnumerable<Traffic> Backends(GatewayView gateway) =>
        gateway.Report!.Backends.Select(load => new Traffic(gateway, ("backend", load.Name), load.Traffic));

    private static void Write(StringBuilder text, string prefix, IReadOnlyList<Traffic> all)
    {
        HostMetrics.Counter(
            text,
            $"{prefix}closed_total",
            "Connections that have ended, by why.",
            all.SelectMany(static one => one.Load.ClosedTotal.Select(closed => (one.Labels(("reason", closed.Key)), (double)closed.Value)))
        );
        Durations(
            text,
            $"{prefix}connect_duration_seconds",
            "From the start of a connect to an endpoint to its success.",
            DurationLoad.LatencyBounds,
            all.Select(static one => (one, one.Load.Connect))
        );
        Durations(
            text,
            $"{prefix}first_byte_seconds",
            "From the start of the connect to the endpoint's first byte.",
            DurationLoad.LatencyBounds,
            all.Select(static one => (one, one.Load.FirstByte))
        );
        Durations(
            text,
            $"{prefix}session_duration_seconds",
            "From a connection's accept to its end.",
            DurationLoad.SessionBounds,
            all.Select(static one => (one, one.Load.Session))
        );
    }

    /// <remarks>A gateway of another version may have other buckets: what has not the right number is left out.</remarks>
    private static void Durations(
        StringBuilder text,
        string name,
        string help,
        IReadOnlyList<double> bounds,
        IEnumerable<(Traffic Of, DurationLoad Durations)> all
    )
    {
        HostMetrics.Describe(text, name, "histogram", help);
        foreach (var (of, durations) in all.Where(item => item.Durations.Counts.Count == bounds.Count + 1))
        {
            long seen = 0;
            for (var i = 0; i <= bounds.Count; i++)
            {
                seen += durations.Counts[i];
                var end = i < bounds.Count ? bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                HostMetrics.Sample(text, name + "_bucket", of.Labels(("le", end)), seen);
            }

            HostMetrics.Sample(text, name + "_sum", of.Labels(), durations.SumSeconds);
            HostMetrics.Sample(text, name + "_count", of.Labels(), seen);
        }
    }

    private sealed record Traffic(GatewayView Gateway, (string, string) Label, TrafficLoad Load)
    {
        public string Labels(params IEnumerable<(string, string)> more) => HostMetrics.Of(Gateway, [Label, .. more]);
    }
}
