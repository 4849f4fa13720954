using System.Text.Json;
using Mooring.Operator.Entities;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests;

/// <summary>Fleets for tests.</summary>
internal static class Fleets
{
    /// <summary>A good manifest that the tests change.</summary>
    public const string Small = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: small, namespace: shop}
        spec:
          listeners:
          - {name: edge, protocol: TCP, port: 9000, backend: app}
          backends:
          - name: app
            workload: {image: app, replicas: 2}
        """;

    /// <summary>The fleet as the API server would hand it out.</summary>
    public static ConnectionFleet Load(string manifest, long generation = 1)
    {
        var loaded = FleetManifest.Load(manifest);
        loaded.Errors.ShouldBeEmpty();
        loaded.Fleet!.Metadata.Namespace ??= "shop";
        loaded.Fleet.Metadata.Uid = "3f6c2f5e-7a43-4c1c-9d0e-0c8f6c6f0a11";
        loaded.Fleet.Metadata.Generation = generation;
        return loaded.Fleet;
    }

    /// <summary>The fleet as text, to compare.</summary>
    public static string Text(ConnectionFleet fleet) => JsonSerializer.Serialize(fleet, FleetJson.Default.ConnectionFleet);
}
