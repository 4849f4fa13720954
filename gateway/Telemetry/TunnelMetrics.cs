using Mooring.Contracts.Stream;
using static Mooring.Gateway.Telemetry.MetricKind;

namespace Mooring.Gateway.Telemetry;

/// <summary>Metrics of tunnels; none where there is no Tunnel listener.</summary>
internal static class TunnelMetrics
{
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(
            "mooring_gateway_tunnels",
            Gauge,
            "Open tunnels, by how they fare.",
            ["state"],
            s => Read(s, t => t.States.Select(state => new MetricSample(state.Value, state.Key.ToString())))
        ),
        new(
            "mooring_gateway_tunnels_capacity",
            Gauge,
            "Tunnels that this gateway takes at most.",
            [],
            s => Read(s, t => [new(t.Capacity)])
        ),
        new("mooring_gateway_tunnels_opened_total", Counter, "Tunnels opened.", [], s => Read(s, t => [new(t.OpenedTotal)])),
        new(
            "mooring_gateway_tunnels_ended_total",
            Counter,
            "Tunnels that have ended, by the state that they ended in.",
            ["state"],
            s => Read(s, t => t.EndedTotal.Select(ended => new MetricSample(ended.Value, ended.Key.ToString())))
        ),
        new(
            "mooring_gateway_tunnels_refused_total",
            Counter,
            "Tunnels that were not opened, by why.",
            ["reason"],
            s => Read(s, t => t.RefusedTotal.Select(refused => new MetricSample(refused.Value, refused.Key)))
        ),
        new(
            "mooring_gateway_tunnel_tenant_tunnels",
            Gauge,
            "Open tunnels of a tenant; an empty one has no token of its own.",
            ["listener", "tenant"],
            s => Read(s, t => t.Tenants.Select(tenant => new MetricSample(tenant.Tunnels, tenant.Listener, tenant.Tenant)))
        ),
        new(
            "mooring_gateway_tunnel_tenant_visitors",
            Gauge,
            "Visitors of a tenant's tunnels.",
            ["listener", "tenant"],
            s => Read(s, t => t.Tenants.Select(tenant => new MetricSample(tenant.Visitors, tenant.Listener, tenant.Tenant)))
        ),
        new(
            "mooring_gateway_tunnel_foreign_ports",
            Gauge,
            "Public ports of other gateways' tunnels that this one listens on.",
            [],
            s => Read(s, t => [new(t.ForeignPorts)])
        ),
    ];

    private static IEnumerable<MetricSample> Read(MetricSource source, Func<TunnelsLoad, IEnumerable<MetricSample>> read) =>
        source.Report.Tunnels is { } tunnels ? read(tunnels) : [];
}
