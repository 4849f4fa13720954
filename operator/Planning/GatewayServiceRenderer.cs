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
                ResourceLabels.ForGateway(fleet.Metadata.Name!),
                spec.Annotations
            ),
            Spec = new ServiceSpec
            {
                Type = spec.Type,
                ExternalTrafficPolicy = spec.ExternalTrafficPolicy,
                LoadBalancerClass = spec.LoadBalancerClass,
                Selector = ResourceLabels.GatewayMatch(fleet.Metadata.Name!),
                Ports = config.Listeners.Select(Port).ToList(),
            },
        };
    }

    private static ServicePort Port(ListenerConfig listener) =>
        new()
        {
            Name = listener.Name,
            Protocol = listener.Protocol == ListenerProtocol.UDP ? "UDP" : "TCP",
            // Kubernetes' own word for WebSocket over cleartext (KEP-3726).
            AppProtocol = listener.Protocol == ListenerProtocol.WebSocket ? "kubernetes.io/ws" : null,
            Port = listener.Port,
            TargetPort = listener.BindPort == 0 ? listener.Port : listener.BindPort,
        };
}
