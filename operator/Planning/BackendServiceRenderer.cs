using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the headless Service whose EndpointSlices and DNS name tell where a workload's pods are.</summary>
internal static class BackendServiceRenderer
{
    public static Service Render(ConnectionFleet fleet, BackendSpec backend)
    {
        var name = fleet.Metadata.Name!;
        return new Service
        {
            Metadata = ObjectMetadata.For(fleet, ResourceNames.Backend(name, backend.Name), ResourceLabels.ForBackend(name, backend.Name)),
            Spec = new ServiceSpec
            {
                Type = "ClusterIP",
                ClusterIP = "None",
                Selector = ResourceLabels.BackendMatch(name, backend.Name),
                Ports = Ports(BackendTransport.Of(fleet.Spec, backend.Name), backend.Workload!.Port),
            },
        };
    }

    private static List<ServicePort> Ports(BackendTransport transport, int port)
    {
        var ports = new List<ServicePort>();
        if (transport.Tcp)
        {
            ports.Add(Port(BackendTransport.TcpPort, "TCP", port));
        }

        if (transport.Udp)
        {
            ports.Add(Port(BackendTransport.UdpPort, "UDP", port));
        }

        return ports;
    }

    // By the container's name for it: after a change of the port the pods of before go on being found where they listen.
    private static ServicePort Port(string name, string protocol, int port) =>
        new()
        {
            Name = name,
            Protocol = protocol,
            Port = port,
            TargetPort = name,
        };
}
