using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>The families of <see cref="TunnelsLoad"/>; none where no gateway has a Tunnel listener. Pure.</summary>
internal static class HostTunnelMetrics
{
    public static void Write(StringBuilder text, IReadOnlyCollection<GatewayView> gateways)
    {
        var loads = gateways
            .Where(static gateway => gateway.Report!.Tunnels is not null)
            .Select(static gateway => (Gateway: gateway, Load: gateway.Report!.Tunnels!))
            .ToList();
        HostMetrics.Gauge(
            text,
            "mooring_gateway_tunnels",
            "Open tunnels, by how they fare.",
            loads.SelectMany(static one =>
                one.Load.States.Select(state => (HostMetrics.Of(one.Gateway, ("state", $"{state.Key}")), (double)state.Value))
            )
        );
        HostMetrics.Gauge(
            text,
            "mooring_gateway_tunnels_capacity",
            "Tunnels that a gateway takes at most.",
            loads.Select(static one => (HostMetrics.Of(one.Gateway), (double)one.Load.Capacity))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_tunnels_opened_total",
            "Tunnels opened.",
            loads.Select(static one => (HostMetrics.Of(one.Gateway), (double)one.Load.OpenedTotal))
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_tunnels_ended_total",
            "Tunnels that have ended, by the state that they ended in.",
            loads.SelectMany(static one =>
                one.Load.EndedTotal.Select(state => (HostMetrics.Of(one.Gateway, ("state", $"{state.Key}")), (double)state.Value))
            )
        );
        HostMetrics.Counter(
            text,
            "mooring_gateway_tunnels_refused_total",
            "Tunnels that were not opened, by why.",
            loads.SelectMany(static one =>
                one.Load.RefusedTotal.Select(refused => (HostMetrics.Of(one.Gateway, ("reason", refused.Key)), (double)refused.Value))
            )
        );
        HostMetrics.Gauge(
            text,
            "mooring_gateway_tunnel_tenant_tunnels",
            "Open tunnels of a tenant; an empty one has no token of its own.",
            Tenants(loads, static tenant => tenant.Tunnels)
        );
        HostMetrics.Gauge(
            text,
            "mooring_gateway_tunnel_tenant_visitors",
            "Visitors of a tenant's tunnels.",
            Tenants(loads, static tenant => tenant.Visitors)
        );
    }

    private static IEnumerable<(string, double)> Tenants(
        IEnumerable<(GatewayView Gateway, TunnelsLoad Load)> loads,
        Func<TunnelTenantLoad, int> count
    ) =>
        loads.SelectMany(one =>
            one.Load.Tenants.Select(tenant =>
                (HostMetrics.Of(one.Gateway, ("listener", tenant.Listener), ("tenant", tenant.Tenant)), (double)count(tenant))
            )
        );
}
