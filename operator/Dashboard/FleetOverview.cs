using System.Text.Json.Serialization;

namespace Mooring.Operator.Dashboard;

/// <summary>One fleet as people look at it: what the table, <c>/api/v1/fleets</c> and the page show.</summary>
/// <remarks>Immutable. Made from a cluster's status or from the host's processes alike.</remarks>
public sealed record FleetOverview
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    /// <summary>Pending, Progressing, Ready, Degraded, Paused, Invalid or Deleting.</summary>
    public required string Phase { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required int GatewaysReady { get; init; }

    public required int GatewaysDesired { get; init; }

    /// <summary>Gateways without which it does not serve as it did: fewer than wanted while it is being scaled out. Of a host only.</summary>
    [JsonIgnore]
    public int GatewaysNeeded { get; init; }

    public required int GatewaysDraining { get; init; }

    public required int BackendsReady { get; init; }

    public required int BackendsDesired { get; init; }

    /// <summary>Client connections open now.</summary>
    public required long Connections { get; init; }

    /// <summary>Client connections that the serving gateways take.</summary>
    public required long Capacity { get; init; }

    /// <summary>Connections in percent of the capacity; 0 without any.</summary>
    public int UtilizationPercent => Capacity > 0 ? (int)Math.Min(100, Connections * 100 / Capacity) : 0;

    /// <summary>Hash of the config that is wanted.</summary>
    public string? ConfigHash { get; init; }

    /// <summary>Gateways that have it in force, of those connected, such as <c>2/2</c>.</summary>
    public string? ConfigAcked { get; init; }

    public IReadOnlyList<ConditionOverview> Conditions { get; init; } = [];

    public IReadOnlyList<ListenerOverview> Listeners { get; init; } = [];

    /// <summary>Null where no gateway has a Tunnel listener.</summary>
    public TunnelsOverview? Tunnels { get; init; }

    public IReadOnlyList<GatewayOverview> Gateways { get; init; } = [];

    public IReadOnlyList<EndpointOverview> Endpoints { get; init; } = [];
}

/// <param name="Type">Such as Ready.</param>
/// <param name="Status">True, False or Unknown.</param>
/// <param name="Reason">CamelCase word.</param>
/// <param name="Message">For people.</param>
public sealed record ConditionOverview(string Type, string Status, string Reason, string Message);

/// <param name="Name">Of the listener.</param>
/// <param name="Protocol">TCP, UDP, WebSocket or Tunnel.</param>
/// <param name="Port">That clients use.</param>
/// <param name="Backend">Null where routes decide.</param>
/// <param name="Connections">Open now, on all gateways.</param>
/// <param name="AcceptedTotal">Since the gateways that run now have started.</param>
/// <param name="RefusedTotal">Likewise.</param>
public sealed record ListenerOverview(
    string Name,
    string Protocol,
    int Port,
    string? Backend,
    long Connections,
    long AcceptedTotal,
    long RefusedTotal
);

/// <summary>One gateway.</summary>
public sealed record GatewayOverview
{
    public required string Name { get; init; }

    /// <summary>Waiting, Starting, Serving, Cordoned, Draining, Drained or Stopping.</summary>
    public required string State { get; init; }

    public int ProcessId { get; init; }

    public long Connections { get; init; }

    public long Capacity { get; init; }

    /// <summary>It has the wanted config in force.</summary>
    public bool ConfigCurrent { get; init; }

    /// <summary>Resident set size, bytes.</summary>
    public long ResidentBytes { get; init; }

    /// <summary>CPU time since it started, seconds.</summary>
    public double CpuSeconds { get; init; }

    public int Restarts { get; init; }

    /// <summary>What is wrong with it; null: nothing.</summary>
    public string? Problem { get; init; }
}

/// <summary>One endpoint of a backend.</summary>
public sealed record EndpointOverview
{
    public required string Backend { get; init; }

    public required string Id { get; init; }

    public required string Address { get; init; }

    /// <summary>Of the host's own process, 0 while there is none; null where someone else runs it.</summary>
    public int? ProcessId { get; init; }

    /// <summary>Waiting, Starting, Ready, Draining, Stopping or Unhealthy.</summary>
    public required string State { get; init; }

    /// <summary>From all gateways.</summary>
    public long Connections { get; init; }

    public int Restarts { get; init; }

    public string? Problem { get; init; }
}

/// <summary>JSON of the overviews: camelCase, nulls left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(FleetOverview))]
[JsonSerializable(typeof(IReadOnlyList<FleetOverview>))]
public sealed partial class OverviewJson : JsonSerializerContext;
