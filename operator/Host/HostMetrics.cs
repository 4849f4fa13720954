using System.Globalization;
using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Telemetry;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>Writes what the supervisor and its gateways know in Prometheus's text format. Pure.</summary>
/// <remarks>The gateways' families are those of a gateway's own <c>/metrics</c>, with the labels fleet and gateway added; those that no report has come from the gateways themselves (<see cref="GatewayMetricsMerge"/>).</remarks>
internal static class HostMetrics
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <param name="fleets">The fleets as of the last turn.</param>
    /// <param name="views">What the gateways say.</param>
    public static string Write(IReadOnlyList<FleetOverview> fleets, IReadOnlyList<FleetView> views)
    {
        var text = new StringBuilder();
        Gauge(
            text,
            "mooring_fleet_ready",
            "1 while the fleet's condition Ready is true; none of a fleet that is being ended.",
            // Of one that is being ended, nobody is to be told that it is not ready.
            fleets
                .Where(static fleet => fleet.Phase != FleetConditions.Deleting)
                .Select(static fleet =>
                    (
                        Labels(("fleet", Key(fleet))),
                        fleet.Conditions.Any(static condition => condition is { Type: "Ready", Status: "True" }) ? 1.0 : 0
                    )
                )
        );
        Gauge(
            text,
            "mooring_fleet_gateways_desired",
            "Gateways wanted.",
            fleets.Select(static fleet => (Labels(("fleet", Key(fleet))), (double)fleet.GatewaysDesired))
        );
        Gauge(
            text,
            "mooring_fleet_gateways_ready",
            "Gateways that serve.",
            fleets.Select(static fleet => (Labels(("fleet", Key(fleet))), (double)fleet.GatewaysReady))
        );
        Gauge(
            text,
            "mooring_fleet_backends_desired",
            "Backend endpoints wanted.",
            fleets.Select(static fleet => (Labels(("fleet", Key(fleet))), (double)fleet.BackendsDesired))
        );
        Gauge(
            text,
            "mooring_fleet_backends_ready",
            "Backend endpoints that serve.",
            fleets.Select(static fleet => (Labels(("fleet", Key(fleet))), (double)fleet.BackendsReady))
        );
        Gauge(
            text,
            "mooring_host_child_running",
            "1 while the child process runs.",
            fleets.SelectMany(static fleet => Children(fleet, static child => child.ProcessId > 0 ? 1 : 0))
        );
        Counter(
            text,
            "mooring_host_child_restarts_total",
            "Times that a child process died and was started again.",
            fleets.SelectMany(static fleet => Children(fleet, static child => child.Restarts))
        );

        var gateways = views.SelectMany(static view => view.Gateways).Where(static gateway => gateway.Report is not null).ToList();
        Gauge(
            text,
            "mooring_gateway_info",
            "Always 1; its labels say who this is.",
            gateways.Select(static gateway =>
                (Labels(("fleet", gateway.Hello.Fleet), ("gateway", gateway.Name), ("version", gateway.Hello.Version)), 1.0)
            )
        );
        Gauge(
            text,
            "mooring_gateway_state",
            "1 for the state the gateway is in, 0 for the others.",
            gateways.SelectMany(static gateway =>
                Enum.GetValues<GatewayState>().Select(state => (Of(gateway, ("state", state.ToString())), gateway.State == state ? 1.0 : 0))
            )
        );
        Gauge(
            text,
            "mooring_gateway_capacity_connections",
            "Client connections this gateway takes at most.",
            gateways.Select(static gateway => (Of(gateway), (double)gateway.Report!.Capacity))
        );
        Gauge(
            text,
            "mooring_gateway_resident_bytes",
            "Resident memory of the gateway's process.",
            gateways.Select(static gateway => (Of(gateway), (double)gateway.Report!.ResidentBytes))
        );
        Counter(
            text,
            "mooring_gateway_cpu_seconds_total",
            "CPU time of the gateway's process.",
            gateways.Select(static gateway => (Of(gateway), gateway.Report!.CpuSeconds))
        );
        Gauge(text, "mooring_gateway_connections", "Open client connections.", Listeners(gateways, static load => load.Connections));
        Counter(
            text,
            "mooring_gateway_accepted_total",
            "Client connections accepted.",
            Listeners(gateways, static load => load.AcceptedTotal)
        );
        Counter(
            text,
            "mooring_gateway_refused_total",
            "Client connections refused.",
            gateways.SelectMany(static gateway =>
                gateway.Report!.Listeners.SelectMany(load =>
                    load.RefusedTotal.Select(refused =>
                        (Of(gateway, ("listener", load.Name), ("reason", refused.Key)), (double)refused.Value)
                    )
                )
            )
        );
        Counter(
            text,
            "mooring_gateway_received_bytes_total",
            "Bytes received from clients.",
            Listeners(gateways, static load => load.ReceivedBytesTotal)
        );
        Counter(
            text,
            "mooring_gateway_sent_bytes_total",
            "Bytes sent to clients.",
            Listeners(gateways, static load => load.SentBytesTotal)
        );
        HostTrafficMetrics.Write(text, gateways);
        HostCountryMetrics.Write(text, gateways);
        HostDatagramMetrics.Write(text, gateways);
        HostTunnelMetrics.Write(text, gateways);
        Gauge(
            text,
            "mooring_gateway_endpoint_connections",
            "Open connections to a backend's endpoint.",
            Endpoints(gateways, static load => load.Connections)
        );
        Counter(
            text,
            "mooring_gateway_endpoint_connects_total",
            "Connects to an endpoint that succeeded; of UDP, flows that it answered.",
            Endpoints(gateways, static load => load.ConnectsTotal)
        );
        Counter(
            text,
            "mooring_gateway_endpoint_failures_total",
            "Connects to an endpoint that failed.",
            Endpoints(gateways, static load => load.FailuresTotal)
        );
        Gauge(
            text,
            "mooring_gateway_endpoint_healthy",
            "0 while checks, a circuit breaker or failed connects have put the endpoint out.",
            Endpoints(gateways, static load => load.Healthy ? 1 : 0)
        );
        foreach (var metric in BackendMetrics.All)
        {
            Family(text, metric.Name, metric.IsCounter ? "counter" : "gauge", metric.Help, Backends(gateways, metric));
        }

        return text.ToString();
    }

    private static string Key(FleetOverview fleet) => $"{fleet.Namespace}/{fleet.Name}";

    private static IEnumerable<(string, double)> Children(FleetOverview fleet, Func<(int ProcessId, int Restarts), double> value) =>
        fleet
            .Gateways.Select(gateway =>
                (Labels(("fleet", Key(fleet)), ("child", gateway.Name), ("kind", "gateway")), value((gateway.ProcessId, gateway.Restarts)))
            )
            .Concat(
                fleet
                    .Endpoints.Where(static endpoint => endpoint.ProcessId is not null)
                    .Select(endpoint =>
                        (
                            Labels(("fleet", Key(fleet)), ("child", endpoint.Id), ("kind", "workload")),
                            value((endpoint.ProcessId!.Value, endpoint.Restarts))
                        )
                    )
            );

    private static IEnumerable<(string, double)> Listeners(IEnumerable<GatewayView> gateways, Func<ListenerLoad, double> value) =>
        gateways.SelectMany(gateway => gateway.Report!.Listeners.Select(load => (Of(gateway, ("listener", load.Name)), value(load))));

    private static IEnumerable<(string, double)> Endpoints(IEnumerable<GatewayView> gateways, Func<EndpointLoad, double> value) =>
        gateways.SelectMany(gateway =>
            gateway.Report!.Backends.SelectMany(backend =>
                backend
                    .Endpoints.Where(static load => !load.Gone)
                    .Select(load => (Of(gateway, ("backend", backend.Name), ("endpoint", load.Id)), value(load)))
            )
        );

    private static IEnumerable<(string, double)> Backends(IEnumerable<GatewayView> gateways, BackendMetric metric) =>
        from gateway in gateways
        from backend in gateway.Report!.Backends
        from sample in metric.Read(backend)
        select (Of(gateway, metric.Labels.Zip([backend.Name, .. sample.Labels])), sample.Value);

    internal static string Of(GatewayView gateway, params IEnumerable<(string, string)> more) =>
        Labels([("fleet", gateway.Hello.Fleet), ("gateway", gateway.Name), .. more]);

    internal static string Labels(params IEnumerable<(string Name, string Value)> labels) =>
        string.Join(
            ',',
            labels.Select(static label =>
                $"{label.Name}=\"{label.Value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\""
            )
        );

    internal static void Gauge(StringBuilder text, string name, string help, IEnumerable<(string, double)> samples) =>
        Family(text, name, "gauge", help, samples);

    internal static void Counter(StringBuilder text, string name, string help, IEnumerable<(string, double)> samples) =>
        Family(text, name, "counter", help, samples);

    private static void Family(
        StringBuilder text,
        string name,
        string type,
        string help,
        IEnumerable<(string Labels, double Value)> samples
    )
    {
        Describe(text, name, type, help);
        foreach (var (labels, value) in samples)
        {
            Sample(text, name, labels, value);
        }
    }

    internal static void Describe(StringBuilder text, string name, string type, string help) =>
        text.Append("# HELP ")
            .Append(name)
            .Append(' ')
            .Append(help)
            .Append('\n')
            .Append("# TYPE ")
            .Append(name)
            .Append(' ')
            .Append(type)
            .Append('\n');

    internal static void Sample(StringBuilder text, string name, string labels, double value) =>
        text.Append(name).Append('{').Append(labels).Append("} ").Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
