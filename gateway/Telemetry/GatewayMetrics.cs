using System.Globalization;
using Mooring.Contracts.Stream;
using Mooring.Contracts.Telemetry;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>Every metric of the gateway. Documented in the README of this room, which a test holds against this list.</summary>
internal static class GatewayMetrics
{
    private static readonly string[] None = [];
    private static readonly string[] Listener = ["listener"];
    private static readonly string[] Backend = ["backend"];
    private static readonly string[] Endpoint = ["backend", "endpoint"];

    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_info",
            Gauge,
            "Always 1; its labels say who this is.",
            ["version", "fleet", "gateway"],
            s => [new(1, s.Version, s.Fleet, s.Gateway)]
        ),
        new(
            "mooring_gateway_state",
            Gauge,
            "1 for the state the gateway is in, 0 for the others.",
            ["state"],
            s => Enum.GetValues<GatewayState>().Select(state => new MetricSample(state == s.Report.State ? 1 : 0, state.ToString()))
        ),
        new(
            "mooring_gateway_config_info",
            Gauge,
            "Always 1; the hash of the config in force.",
            ["hash"],
            s => s.ConfigHash is { } hash ? [new(1, hash)] : []
        ),
        new(
            "mooring_gateway_config_reloads_total",
            Counter,
            "Configs put in force or rejected.",
            ["result"],
            s => [new(s.ReloadsAccepted, "accepted"), new(s.ReloadsRejected, "rejected")]
        ),
        new(
            "mooring_gateway_stream_connected",
            Gauge,
            "1 while the stream to the operator is open; absent without a stream.",
            None,
            s => s.StreamConnected is { } connected ? [new(connected ? 1 : 0)] : []
        ),
        new(
            "mooring_gateway_capacity_connections",
            Gauge,
            "Client connections this gateway takes at most.",
            None,
            s => [new(s.Report.Capacity)]
        ),
        new(
            "mooring_gateway_drain_deadline_timestamp_seconds",
            Gauge,
            "Unix time at which the drain closes what is left; absent when not draining.",
            None,
            s => s.Report.DrainDeadline is { } deadline ? [new(deadline.ToUnixTimeMilliseconds() / 1000.0)] : []
        ),
        new(
            "mooring_gateway_log_lines_dropped_total",
            Counter,
            "Log lines lost because the output was too slow.",
            None,
            s => [new(s.LogLinesDropped)]
        ),
        new(
            "mooring_gateway_faults_total",
            Counter,
            "Exceptions that nobody foresaw: each ended one connection or one step of a duty, and is on standard error.",
            None,
            s => [new(s.Faults)]
        ),
        new(
            "mooring_gateway_handover_connections_total",
            Counter,
            "Open connections taken over from another gateway (in) or handed over to one (out).",
            ["direction"],
            s => [new(s.HandedIn, "in"), new(s.HandedOut, "out")]
        ),
        new("mooring_gateway_connections", Gauge, "Open client connections.", Listener, s => Listeners(s, l => l.Connections)),
        new("mooring_gateway_accepted_total", Counter, "Client connections accepted.", Listener, s => Listeners(s, l => l.AcceptedTotal)),
        new(
            "mooring_gateway_refused_total",
            Counter,
            "Client connections refused.",
            ["listener", "reason"],
            s => s.Report.Listeners.SelectMany(l => l.RefusedTotal.Select(r => new MetricSample(r.Value, l.Name, r.Key)))
        ),
        new(
            "mooring_gateway_received_bytes_total",
            Counter,
            "Bytes received from clients.",
            Listener,
            s => Listeners(s, l => l.ReceivedBytesTotal)
        ),
        new(
            "mooring_gateway_bandwidth_pauses_total",
            Counter,
            "Times that reading waited for a limit of bandwidth.",
            Listener,
            s => Listeners(s, l => l.BandwidthPausesTotal)
        ),
        new("mooring_gateway_sent_bytes_total", Counter, "Bytes sent to clients.", Listener, s => Listeners(s, l => l.SentBytesTotal)),
        new(
            "mooring_gateway_messages_total",
            Counter,
            "WebSocket messages of both directions, control frames not counted.",
            Listener,
            s => Listeners(s, l => l.MessagesTotal)
        ),
        new(
            "mooring_gateway_closed_total",
            Counter,
            "Client connections that have ended, by why.",
            ["listener", "reason"],
            s => s.Report.Listeners.SelectMany(l => Reasons(l.Name, l.Traffic))
        ),
        new(
            "mooring_gateway_connect_duration_seconds",
            Histogram,
            "From the start of a connect to an endpoint to its success.",
            Listener,
            s => Durations(s.Report.Listeners, l => l.Name, l => l.Traffic.Connect, DurationLoad.LatencyBounds)
        ),
        new(
            "mooring_gateway_first_byte_seconds",
            Histogram,
            "From the start of the connect to the endpoint's first byte.",
            Listener,
            s => Durations(s.Report.Listeners, l => l.Name, l => l.Traffic.FirstByte, DurationLoad.LatencyBounds)
        ),
        new(
            "mooring_gateway_session_duration_seconds",
            Histogram,
            "From a connection's accept to its end.",
            Listener,
            s => Durations(s.Report.Listeners, l => l.Name, l => l.Traffic.Session, DurationLoad.SessionBounds)
        ),
        new(
            "mooring_gateway_backend_received_bytes_total",
            Counter,
            "Bytes received from a backend.",
            Backend,
            s => s.Report.Backends.Select(b => new MetricSample(b.ReceivedBytesTotal, b.Name))
        ),
        new(
            "mooring_gateway_backend_sent_bytes_total",
            Counter,
            "Bytes from clients for a backend, heads of upgrade requests aside.",
            Backend,
            s => s.Report.Backends.Select(b => new MetricSample(b.SentBytesTotal, b.Name))
        ),
        new(
            "mooring_gateway_backend_closed_total",
            Counter,
            "Connections to a backend that have ended, by why.",
            ["backend", "reason"],
            s => s.Report.Backends.SelectMany(b => Reasons(b.Name, b.Traffic))
        ),
        new(
            "mooring_gateway_backend_connect_duration_seconds",
            Histogram,
            "As the listeners' metric, by backend.",
            Backend,
            s => Durations(s.Report.Backends, b => b.Name, b => b.Traffic.Connect, DurationLoad.LatencyBounds)
        ),
        new(
            "mooring_gateway_backend_first_byte_seconds",
            Histogram,
            "As the listeners' metric, by backend.",
            Backend,
            s => Durations(s.Report.Backends, b => b.Name, b => b.Traffic.FirstByte, DurationLoad.LatencyBounds)
        ),
        new(
            "mooring_gateway_backend_session_duration_seconds",
            Histogram,
            "As the listeners' metric, by backend.",
            Backend,
            s => Durations(s.Report.Backends, b => b.Name, b => b.Traffic.Session, DurationLoad.SessionBounds)
        ),
        .. DatagramMetrics.All,
        new(
            "mooring_gateway_endpoint_connections",
            Gauge,
            "Open connections to a backend's endpoint.",
            Endpoint,
            s => Endpoints(s, e => e.Connections)
        ),
        new(
            "mooring_gateway_endpoint_connects_total",
            Counter,
            "Connects to an endpoint that succeeded; of UDP, flows that it answered.",
            Endpoint,
            s => Endpoints(s, e => e.ConnectsTotal)
        ),
        new(
            "mooring_gateway_endpoint_failures_total",
            Counter,
            "Connects to an endpoint that failed.",
            Endpoint,
            s => Endpoints(s, e => e.FailuresTotal)
        ),
        new(
            "mooring_gateway_endpoint_healthy",
            Gauge,
            "0 while checks, a circuit breaker or failed connects have put the endpoint out.",
            Endpoint,
            s => Endpoints(s, e => e.Healthy ? 1 : 0)
        ),
        .. BackendMetrics.All.Select(metric => new MetricDefinition(
            metric.Name,
            metric.IsCounter ? Counter : Gauge,
            metric.Help,
            metric.Labels,
            s =>
                s.Report.Backends.SelectMany(backend =>
                    metric.Read(backend).Select(sample => new MetricSample(sample.Value, [backend.Name, .. sample.Labels]))
                )
        )),
        .. RegistryMetrics.All,
        .. TunnelMetrics.All,
        .. TlsMetrics.All,
        .. CountryMetrics.All,
        .. OverloadMetrics.All,
        .. HubMetrics.All,
        new("process_cpu_seconds_total", Counter, "User and system CPU time.", None, s => [new(s.Process.CpuSeconds)]),
        new("process_resident_memory_bytes", Gauge, "Resident memory.", None, s => [new(s.Process.ResidentBytes)]),
        new("process_open_fds", Gauge, "Open file descriptors.", None, s => [new(s.Process.OpenDescriptors)]),
        new("process_max_fds", Gauge, "Open file descriptors at most.", None, s => [new(s.Process.MaxDescriptors)]),
        new(
            "process_start_time_seconds",
            Gauge,
            "Unix time of the process's start.",
            None,
            s => [new(s.Process.StartTime.ToUnixTimeMilliseconds() / 1000.0)]
        ),
        new("dotnet_gc_heap_size_bytes", Gauge, "Managed heap after the last collection.", None, s => [new(s.Process.GcHeapBytes)]),
        new(
            "dotnet_gc_pause_seconds_total",
            Counter,
            "Time for which collections stopped the process.",
            None,
            s => [new(s.Process.GcPauseSeconds)]
        ),
        new(
            "dotnet_gc_collections_total",
            Counter,
            "Collections of a generation; each also counts in those below.",
            ["generation"],
            s => Generations(s.Process.GcCollections.Select(count => (double)count))
        ),
        new(
            "dotnet_gc_longest_pause_seconds",
            Gauge,
            "Longest pause of a collection of that generation, since the start.",
            ["generation"],
            s => Generations(s.Process.GcLongestPauseSeconds)
        ),
    ];

    private static IEnumerable<MetricSample> Generations(IEnumerable<double> values) =>
        values.Select((value, generation) => new MetricSample(value, generation.ToString(CultureInfo.InvariantCulture)));

    private static IEnumerable<MetricSample> Reasons(string name, TrafficLoad traffic) =>
        traffic.ClosedTotal.Select(closed => new MetricSample(closed.Value, name, closed.Key));

    private static IEnumerable<MetricSample> Durations<T>(
        IEnumerable<T> loads,
        Func<T, string> name,
        Func<T, DurationLoad> durations,
        IReadOnlyList<double> bounds
    ) => loads.SelectMany(load => DurationSamples.Of(durations(load), bounds, name(load)));

    private static IEnumerable<MetricSample> Listeners(MetricSource source, Func<ListenerLoad, double> value) =>
        source.Report.Listeners.Select(listener => new MetricSample(value(listener), listener.Name));

    private static IEnumerable<MetricSample> Endpoints(MetricSource source, Func<EndpointLoad, double> value) =>
        source.Report.Backends.SelectMany(backend =>
            // Those that are gone may be many: a series each would outlive every rollout.
            backend
                .Endpoints.Where(static endpoint => !endpoint.Gone)
                .Select(endpoint => new MetricSample(value(endpoint), backend.Name, endpoint.Id))
        );
}
