using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the gateways' ServiceAccount: a name without any permission.</summary>
internal static class ServiceAccountRenderer
{
    public static ServiceAccount Render(ConnectionFleet fleet) =>
        new()
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Gateway(fleet.Metadata.Name!),
                ResourceLabels.ForGateway(fleet.Metadata.Name!)
            ),
            AutomountServiceAccountToken = false,
        };
}
