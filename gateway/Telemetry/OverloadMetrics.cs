using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>The metrics of memory and descriptors that run short.</summary>
internal static class OverloadMetrics
{
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_memory_bytes",
            Gauge,
            "Memory that counts against the limit; absent where memory is not watched.",
            [],
            s => s.Report.Overload is { MemoryLimitBytes: > 0 } load ? [new(load.MemoryBytes)] : []
        ),
        new(
            "mooring_gateway_memory_limit_bytes",
            Gauge,
            "Memory that the gateway may use; absent where memory is not watched.",
            [],
            s => s.Report.Overload is { MemoryLimitBytes: > 0 } load ? [new(load.MemoryLimitBytes)] : []
        ),
        new(
            "mooring_gateway_memory_shed_total",
            Counter,
            "Client connections closed for want of memory.",
            [],
            s => s.Report.Overload is { } load ? [new(load.ShedTotal)] : []
        ),
        new(
            "mooring_gateway_accept_pauses_total",
            Counter,
            "Times that accepting paused, by what there was too little of; for descriptors, of each loop.",
            ["reason"],
            s =>
                s.Report.Overload is { } load ? [new(load.MemoryPausesTotal, "memory"), new(load.DescriptorPausesTotal, "descriptors")] : []
        ),
        new(
            "mooring_gateway_watch_failures_total",
            Counter,
            "Times that the kernel refused to watch a listener's socket for a loop; each is tried again.",
            [],
            s => s.Report.Overload is { } load ? [new(load.WatchFailuresTotal)] : []
        ),
        new(
            "mooring_gateway_unwatched_sockets",
            Gauge,
            "Listeners' sockets that the kernel does not watch for a loop now: whoever comes there waits, or other loops serve them.",
            [],
            s => s.Report.Overload is { } load ? [new(load.UnwatchedSockets)] : []
        ),
    ];
}
