using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>The tunnels' part of <see cref="GatewayConfigRenderer"/>.</summary>
internal static class TunnelRenderer
{
    public static TunnelListenerConfig? Render(TunnelListenerSpec? spec, SecretPaths secrets) =>
        spec is null
            ? null
            : new TunnelListenerConfig
            {
                PortRange = Range(spec.PortRange),
                VisitorsOf = spec.VisitorsOf,
                SecretFile = spec.SecretRef is { } secret ? secrets.File(secret.Name, secret.Key) : null,
                Tenants =
                [
                    .. spec.Tenants.Select(tenant => new TunnelTenantConfig
                    {
                        Name = tenant.Name,
                        TokenFile = secrets.File(tenant.TokenRef.Name, tenant.TokenRef.Key),
                        MaxTunnels = tenant.MaxTunnels ?? 0,
                        MaxConnections = tenant.MaxConnections ?? 0,
                        BandwidthBitsPerSecond = Bits(tenant.BandwidthBitsPerSecond) ?? 0,
                        PortRange = Range(tenant.PortRange),
                    }),
                ],
                Domain = spec.Domain,
                Udp = spec.Udp,
                Grace = spec.Grace is { } grace ? Duration.Parse(grace) : new TunnelListenerConfig().Grace,
                VisitorTimeout = spec.VisitorTimeout is { } wait ? Duration.Parse(wait) : new TunnelListenerConfig().VisitorTimeout,
            };

    /// <summary>Null where the fleet says nothing of tunnels.</summary>
    public static TunnelCapacityConfig? Capacity(TunnelCapacitySpec? spec)
    {
        var defaults = new TunnelCapacityConfig();
        return spec is null
            ? null
            : new TunnelCapacityConfig
            {
                MaxTunnels = spec.MaxTunnels ?? defaults.MaxTunnels,
                MaxBandwidthBitsPerSecond = Bits(spec.MaxTunnelBandwidthBitsPerSecond) ?? defaults.MaxBandwidthBitsPerSecond,
                TotalBandwidthBitsPerSecond = Bits(spec.TotalBandwidthBitsPerSecond) ?? 0,
            };
    }

    /// <summary>Ports of the Service for a listener's range that is small enough to be listed.</summary>
    public static IEnumerable<ServicePort> Ports(ListenerConfig listener) =>
        listener.Tunnel is { PortRange: { } range } tunnel ? Ports(range.Start, range.End, tunnel.Udp) : [];

    /// <inheritdoc cref="Ports(ListenerConfig)"/>
    public static IEnumerable<ServicePort> Ports(int start, int end, bool udp)
    {
        if (end - start >= TunnelListenerSpec.MaxServicePorts)
        {
            return [];
        }

        string[] protocols = udp ? ["TCP", "UDP"] : ["TCP"];
        return Enumerable
            .Range(start, Math.Max(0, end - start + 1))
            .SelectMany(port =>
                protocols.Select(protocol => new ServicePort
                {
                    // Not by the listener, whose name may be as long as a port's.
                    Name = $"tunnel-{(protocol == "TCP" ? "" : "udp-")}{port}",
                    Protocol = protocol,
                    Port = port,
                    TargetPort = port,
                })
            );
    }

    /// <summary>What a NetworkPolicy has to let in where there are tunnels: visitors, and the gateways to each other.</summary>
    public static IEnumerable<NetworkPolicyIngressRule> Rules(string fleet, GatewayConfig config)
    {
        var ranges = config.Listeners.Select(listener => listener.Tunnel).Where(tunnel => tunnel?.PortRange is not null).ToList();
        if (ranges.Count == 0)
        {
            yield break;
        }

        yield return new NetworkPolicyIngressRule
        {
            Ports =
            [
                .. ranges.SelectMany(tunnel =>
                    (tunnel!.Udp ? new[] { "TCP", "UDP" } : ["TCP"]).Select(protocol => new NetworkPolicyPort
                    {
                        Protocol = protocol,
                        Port = tunnel.PortRange!.Start,
                        EndPort = tunnel.PortRange.End,
                    })
                ),
            ],
        };
        // Each gateway listens for the others on a port that the kernel chooses.
        yield return new NetworkPolicyIngressRule
        {
            From = [new NetworkPolicyPeer { PodSelector = new LabelSelector { MatchLabels = ResourceLabels.GatewayMatch(fleet) } }],
        };
    }

    private static PortRangeConfig? Range(PortRangeSpec? range) =>
        range is null ? null : new PortRangeConfig { Start = range.Start, End = range.End };

    private static long? Bits(IntOrString? bits) => bits is { } value ? Quantity.ToInt64(value.ToString()) : null;
}
