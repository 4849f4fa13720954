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
                Ports =
                [
                    new ServicePort
                    {
                        Name = "app",
                        Protocol = "TCP",
                        Port = backend.Workload!.Port,
                        TargetPort = backend.Workload.Port,
                    },
                ],
            },
        };
    }
}
