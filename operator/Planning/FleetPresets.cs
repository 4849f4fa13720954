using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Fills what a fleet leaves out with the figures of its preset. Pure; before validation, so that what comes out is checked like the rest.</summary>
/// <remarks>What the spec says stays as it is, resources as a whole: half of another's resources would be nobody's choice.</remarks>
public static class FleetPresets
{
    private static readonly IReadOnlyDictionary<string, Preset> Presets = new Dictionary<string, Preset>(StringComparer.Ordinal)
    {
        ["Small"] = new(Connections: 4250, ReconnectsPerSecond: 100, Cpu: "100m", Memory: "128Mi", MemoryLimit: "256Mi"),
        ["Production"] = new(Connections: 8250, ReconnectsPerSecond: 200, Cpu: "500m", Memory: "256Mi", MemoryLimit: "512Mi"),
        // No limit of memory: the capacity is what the node allows.
        ["Extreme"] = new(Connections: null, ReconnectsPerSecond: 1000, Cpu: "2", Memory: "1Gi", MemoryLimit: null),
    };

    /// <summary>A copy with its preset's figures; the fleet itself where it has no preset, or one that is not known.</summary>
    public static ConnectionFleet Fill(ConnectionFleet fleet) =>
        fleet.Spec.Preset is { } name && Presets.TryGetValue(name, out var preset)
            ? fleet with
            {
                Spec = fleet.Spec with { Gateway = Fill(fleet.Spec.Gateway, preset) },
            }
            : fleet;

    private static GatewaySpec Fill(GatewaySpec gateway, Preset preset)
    {
        var capacity = gateway.Capacity ?? new CapacitySpec();
        var drain = gateway.Drain ?? new DrainSpec();
        return gateway with
        {
            Capacity = preset.Connections is { } connections
                ? capacity with
                {
                    // Who says workers wants Auto.
                    MaxConnections =
                        capacity.MaxConnections ?? (capacity.Workers is null ? new IntOrString(connections) : (IntOrString?)null),
                }
                : capacity with
                {
                    Workers = capacity.Workers ?? (capacity.MaxConnections is { Number: not null } ? null : new WorkersSpec()),
                },
            Drain = drain with { ReconnectsPerSecond = drain.ReconnectsPerSecond ?? preset.ReconnectsPerSecond },
            Resources = gateway.Resources ?? preset.Resources,
        };
    }

    /// <param name="Connections">Of one gateway; null: Auto, by workers.</param>
    /// <param name="ReconnectsPerSecond">Clients sent away per second.</param>
    /// <param name="Cpu">Set aside for a gateway.</param>
    /// <param name="Memory">Set aside for a gateway.</param>
    /// <param name="MemoryLimit">Null: none.</param>
    private sealed record Preset(int? Connections, int ReconnectsPerSecond, string Cpu, string Memory, string? MemoryLimit)
    {
        public ResourcesSpec Resources =>
            new()
            {
                Requests = new Dictionary<string, IntOrString> { ["cpu"] = Cpu, ["memory"] = Memory },
                Limits = MemoryLimit is { } limit ? new Dictionary<string, IntOrString> { ["memory"] = limit } : null,
            };
    }
}
