using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How Prometheus reads the gateways. It must be let in: gateway.networkPolicy.metricsFrom.")]
public sealed record FleetServiceMonitorSpec
{
    [Description("How often.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string Interval { get; set; } = "30s";

    [Description("Labels of the ServiceMonitor, which a Prometheus selects by; those of the fleet win. At most 32.")]
    [Items(0, 32, MaxTextLength = 63)]
    public IReadOnlyDictionary<string, string>? Labels { get; set; }
}
