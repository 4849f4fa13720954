using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the Service that clients reach the gateways by: one port a listener, on gateways of every revision.</summary>
internal static class GatewayServiceRenderer
{
    public static Service Render(ConnectionFleet fleet, GatewayConfig config)
    {
        var spec = fleet.Spec.Gateway.Service;
        return new Service
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Gateway(fleet.Metadata.Name!),
                ObjectMetadata.With(spec.Labels, ResourceLabels.ForGateway(fleet.Metadata.Name!)),
                spec.Annotations
            ),
            Spec = new ServiceSpec
            {
                Type = spec.Type,
                ExternalTrafficPolicy = spec.ExternalTrafficPolicy,
                LoadBalancerClass = spec.LoadBalancerClass,
                LoadBalancerSourceRanges = Some([.. spec.LoadBalancerSourceRanges.Select(NetworkPolicyRenderer.Network)]),
                AllocateLoadBalancerNodePorts = spec.AllocateLoadBalancerNodePorts,
                InternalTrafficPolicy = spec.InternalTrafficPolicy,
                TrafficDistribution = spec.TrafficDistribution,
                SessionAffinity = spec.SessionAffinity,
                IpFamilyPolicy = spec.IpFamilyPolicy,
                IpFamilies = Some(spec.IpFamilies),
                Selector = ResourceLabels.GatewayMatch(fleet.Metadata.Name!),
                Ports =
                [
                    .. config.Listeners.Select(listener => Port(listener, spec)),
                    .. config.Listeners.SelectMany(TunnelRenderer.Ports),
                ],
            },
        };
    }

    private static List<string>? Some(IReadOnlyList<string> texts) => texts.Count == 0 ? null : [.. texts];

    private static ServicePort Port(ListenerConfig listener, GatewayServiceSpec spec) =>
        new()
        {
            Name = listener.Name,
            Protocol = listener.Protocol == ListenerProtocol.UDP ? "UDP" : "TCP",
            // Kubernetes' own word for WebSocket over cleartext (KEP-3726).
            AppProtocol = listener.Protocol == ListenerProtocol.WebSocket ? "kubernetes.io/ws" : null,
            Port = listener.Port,
            TargetPort = BindPorts.Of(listener),
            NodePort = spec.NodePorts.FirstOrDefault(port => port.Listener == listener.Name)?.Port,
        };
}
