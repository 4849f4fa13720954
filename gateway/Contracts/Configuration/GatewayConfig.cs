namespace Mooring.Contracts.Configuration;

/// <summary>What one fleet's gateways do, as the operator renders it and a gateway reads it: the input, not yet checked.</summary>
/// <remarks>
/// Immutable. The same JSON is the fleet's ConfigMap key <c>gateway.json</c>, the payload of the stream's <c>config</c> message, and a
/// file given to <c>gateway serve --config</c>. Backend endpoints that change by themselves are not in here: see
/// <see cref="Stream.EndpointsMessage"/>.
/// </remarks>
public sealed record GatewayConfig
{
    /// <summary>The file's format. Only 1 is known; any other is refused.</summary>
    public int Version { get; set; } = 1;

    /// <summary>The fleet, as <c>namespace/name</c>.</summary>
    public required string Fleet { get; init; }

    public CapacityConfig Capacity { get; set; } = new();

    public DrainConfig Drain { get; set; } = new();

    /// <summary>Null: the gateway shares nothing with others.</summary>
    public RegistryConfig? Registry { get; init; }

    /// <summary>Null: countries are not counted.</summary>
    public GeoConfig? Geo { get; init; }

    /// <summary>Null: metrics are sent to nobody.</summary>
    public OtlpConfig? Otlp { get; init; }

    /// <summary>Null: memory is not watched.</summary>
    public OverloadConfig? Overload { get; init; }

    public IReadOnlyList<ListenerConfig> Listeners { get; set; } = [];

    public IReadOnlyList<BackendConfig> Backends { get; set; } = [];
}

/// <summary>How many connections one gateway takes.</summary>
public sealed record CapacityConfig
{
    /// <summary>Client connections at most on one gateway. 1 to 10,000,000; 0 means what descriptors, memory, ports and <see cref="Workers"/> allow.</summary>
    public int MaxConnections { get; init; }

    /// <summary>Bounds the capacity where <see cref="MaxConnections"/> is 0. Null: does not.</summary>
    public WorkersConfig? Workers { get; init; }

    /// <summary>Share of <see cref="MaxConnections"/> kept free from new work, in percent. 0 to 90; default 0.</summary>
    public int ReservedPercent { get; init; }

    /// <summary>Connections at most from one client address on one gateway, an IPv6 client counting by its /64. 0: no limit.</summary>
    public int PerAddress { get; init; }

    /// <summary>Of all gateways together; null: no limit.</summary>
    public FleetCapacityConfig? Fleet { get; init; }

    /// <summary>WebSockets of one user, on all gateways that share a registry; who a user is listeners say. 0: no limit.</summary>
    public int PerUser { get; init; }

    /// <summary>The same of one device.</summary>
    public int PerDevice { get; init; }

    /// <summary>Null: no limit.</summary>
    public PrefixLimitConfig? PerPrefix { get; init; }

    /// <summary>New connections of one client address, an IPv6 client counting by its /64. Null: no limit.</summary>
    public RateConfig? NewPerAddress { get; init; }

    /// <summary>Null: the defaults.</summary>
    public TunnelCapacityConfig? Tunnels { get; init; }
}

/// <summary>How a gateway lets go of its connections.</summary>
public sealed record DrainConfig
{
    /// <summary>How long readiness fails while new connections are still accepted, so that load balancers notice. Default 10 s.</summary>
    public TimeSpan LameDuck { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>After this long, from the drain's start, what is left is closed. Default 9 min.</summary>
    public TimeSpan Deadline { get; set; } = TimeSpan.FromMinutes(9);

    /// <summary>Connections closed per second by this gateway alone, when no operator paces it. 1 to 100,000; default 200.</summary>
    public int ClosesPerSecond { get; set; } = 200;

    /// <summary>Each close is put off by a random part of this. Default 0.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Code of the WebSocket close frame: 1001 (going away) or 1012 (service restart). Default 1012.</summary>
    public int CloseCode { get; set; } = 1012;

    /// <summary>
    /// Open connections go to the other gateways of the same host first, where there are any; what cannot go is drained. Null: true. Between pods it
    /// does nothing.
    /// </summary>
    public bool? Handover { get; init; }

    /// <summary>Reason in the WebSocket close frame; at most 123 bytes of UTF-8 (RFC 6455 §5.5).</summary>
    public string CloseReason { get; set; } = "draining";
}
