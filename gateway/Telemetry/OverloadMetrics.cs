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
    ];
}
