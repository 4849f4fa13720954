using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.AdminApi;

[Description("A fleet's gateways in figures.")]
internal sealed record FleetStats(
    [property: Description("Gateways whose stream is open.")] int ServerCount,
    [property: Description("Connections that they take at most; of those that drain, only what they still carry.")] long TotalCapacity,
    [property: Description("Connections that they carry.")] long TotalLoad,
    [property: Description("totalLoad in percent of totalCapacity, one decimal; 100 for a fleet without capacity.")]
        double UtilizationPercent,
    [property: Description("Each of them, by name.")] IReadOnlyList<ServerStats> Servers
);

[Description("One gateway.")]
internal sealed record ServerStats(
    [property: Description("Name of the pod, or of the process's place.")] string Name,
    [property: Description("Serving, Cordoned, Draining or Drained.")] GatewayState State,
    [property: Description("Connections that it carries.")] int Load,
    [property: Description("Connections that it takes at most.")] int Capacity,
    [property: Description("load in percent of capacity, one decimal.")] double UtilizationPercent,
    [property: Description("Bits per second from and to clients, over the last 10 to 20 s.")] long BandwidthBitsPerSecond,
    [property: Description("It has the wanted config in force.")] bool ConfigCurrent
);

[Description("Whether a fleet can take more.")]
internal sealed record CapacityAnswer(
    [property: Description("At least one slot is free beyond the reserve.")] bool HasCapacity,
    [property: Description(
        "Open tunnels of a fleet with Tunnel listeners, those whose client is away for a moment included; of any other fleet the connections that are carried."
    )]
        long ActiveTunnels,
    [property: Description("As in the fleet's stats.")] long TotalCapacity,
    [property: Description("Connections that serving gateways would still take, the reserve kept.")] long AvailableSlots,
    [property: Description("As in the fleet's stats.")] double UtilizationPercent,
    [property: Description("Gateways whose stream is open.")] int ServerCount,
    [property: Description(
        "Percent of the bandwidth that the fleet is there for (capacity.tunnels.totalBandwidthBitsPerSecond) that is moved now; without it, of the listeners' bandwidth limits; 0 where there is no limit."
    )]
        double BandwidthUtilization
);

[Description("Everything that this operator looks after.")]
internal sealed record ClusterStatus
{
    [Description("cluster, or host (operator up).")]
    public required string Mode { get; init; }

    [Description("Version of the operator.")]
    public required string Version { get; init; }

    [Description("Fleets.")]
    public required int Fleets { get; init; }

    [Description("Fleets whose condition Ready is True.")]
    public required int FleetsReady { get; init; }

    [Description("Fleets by phase.")]
    public required IReadOnlyDictionary<string, int> Phases { get; init; }

    [Description("Gateways wanted.")]
    public required int GatewaysDesired { get; init; }

    [Description("Gateways ready.")]
    public required int GatewaysReady { get; init; }

    [Description("Gateways that are being emptied.")]
    public required int GatewaysDraining { get; init; }

    [Description("Gateways whose stream is open.")]
    public required int GatewaysConnected { get; init; }

    [Description("Backend endpoints wanted, or (outside of the fleets) known.")]
    public required int BackendsDesired { get; init; }

    [Description("Backend endpoints ready.")]
    public required int BackendsReady { get; init; }

    [Description("Client connections open now.")]
    public required long Connections { get; init; }

    [Description("Client connections that the serving gateways take.")]
    public required long Capacity { get; init; }

    [Description("connections in percent of capacity, one decimal; 100 without capacity.")]
    public required double UtilizationPercent { get; init; }
}

[Description("The number of gateways that is asked for.")]
internal sealed record ScaleAnswer(
    [property: Description("Before.")] int Previous,
    [property: Description("From now on.")] int Replicas,
    [property: Description("What stands between the number and the gateways, such as a pause or an autoscaler; null: nothing.")]
        string? Note
);

[Description("What of a fleet is paused.")]
internal sealed record PauseAnswer(
    [property: Description("spec.paused: the operator changes nothing of the fleet.")] bool Paused,
    [property: Description("spec.scaling.paused: the number of gateways stays as it is.")] bool ScalingPaused
);

[Description("What is wanted of a gateway.")]
internal sealed record HoldAnswer(
    [property: Description("Name of the gateway.")] string Gateway,
    [property: Description("cordon, drain, or null: it serves.")] string? Hold,
    [property: Description("Connections that it carries.")] long Connections
);

[Description("How many gateways more, or fewer.")]
internal sealed record ScaleRequest
{
    public const int MaxInstances = 1000;

    [Description("1 to 1000.")]
    public required int Instances { get; init; }
}
