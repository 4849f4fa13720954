using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>Where a backend's endpoints come from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EndpointSource>))]
public enum EndpointSource
{
    /// <summary><see cref="BackendConfig.Addresses"/>, as they stand.</summary>
    Static,

    /// <summary>
    /// Pushed on the stream. Until the first push, and while the operator is gone from the gateway's start on, by DNS where
    /// <see cref="BackendConfig.DnsName"/> is set.
    /// </summary>
    Pushed,
}

/// <summary>A set of endpoints that serve the same.</summary>
/// <remarks>
/// One that is <see cref="EndpointSource.Pushed"/> without a <see cref="DnsName"/>, and that no listener and no other backend leads to, is leaving: it is there
/// for the connections that it has, and gets nobody new. Where it says nothing of TLS or of PROXY headers, connects under way keep what held before.
/// </remarks>
public sealed record BackendConfig
{
    /// <summary>DNS label, unique in the fleet.</summary>
    public required string Name { get; init; }

    public EndpointSource Source { get; set; } = EndpointSource.Static;

    /// <summary>Of <see cref="EndpointSource.Static"/>: each <c>host:port</c>; an IPv6 host in brackets. At most 64.</summary>
    public IReadOnlyList<AddressConfig> Addresses { get; set; } = [];

    /// <summary>Of <see cref="EndpointSource.Pushed"/>: the headless Service to ask while no push has come.</summary>
    public string? DnsName { get; init; }

    /// <summary>Port of the endpoints found by <see cref="DnsName"/>.</summary>
    public int DnsPort { get; init; }

    /// <summary>Connections at most to one endpoint from one gateway. 0: no limit.</summary>
    public int MaxConnectionsPerEndpoint { get; init; }

    /// <summary>A connect that takes longer counts as failed. Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    public PassiveHealthConfig PassiveHealth { get; set; } = new();

    /// <summary>Null: no PROXY header is sent.</summary>
    public BackendProxyProtocolConfig? ProxyProtocol { get; init; }

    /// <summary>Null: endpoints are not checked.</summary>
    public ActiveHealthConfig? ActiveHealth { get; init; }

    /// <summary>Null: none.</summary>
    public CircuitBreakerConfig? CircuitBreaker { get; init; }

    public RetryConfig Retry { get; set; } = new();

    /// <summary>Only with <see cref="MaxConnectionsPerEndpoint"/>. Null: what finds every endpoint full is refused at once.</summary>
    public QueueConfig? Queue { get; init; }

    /// <summary>For this long an endpoint that is new or came back gets less than its share, rising evenly. 0: its whole share at once. Default 0.</summary>
    public TimeSpan SlowStart { get; init; }

    /// <summary>Backend that takes over while no endpoint of this one can be used; it must have no backup itself.</summary>
    public string? Backup { get; init; }

    /// <summary>Connections to an endpoint that drains or is gone are closed after this. 0: they end by themselves. Default 0.</summary>
    public TimeSpan DrainTimeout { get; init; }

    /// <summary>Of the sockets to endpoints. Null: the kernel's defaults, without keepalive.</summary>
    public SocketConfig? Socket { get; init; }

    /// <summary>Null: no TLS.</summary>
    public BackendTlsConfig? Tls { get; init; }
}

public sealed record AddressConfig
{
    /// <summary><c>host:port</c>.</summary>
    public required string Address { get; init; }

    /// <summary>1 to 256; default 1.</summary>
    public int Weight { get; set; } = 1;

    /// <summary>Used only while no other endpoint can be.</summary>
    public bool Backup { get; init; }
}

/// <summary>nginx's <c>max_fails</c> and <c>fail_timeout</c>.</summary>
public sealed record PassiveHealthConfig
{
    /// <summary>Failed connects within <see cref="FailTimeout"/> that put an endpoint out. 0: never. Default 3.</summary>
    public int MaxFails { get; set; } = 3;

    /// <summary>Both the window in which failures count and how long the endpoint stays out. Default 30 s.</summary>
    public TimeSpan FailTimeout { get; set; } = TimeSpan.FromSeconds(30);
}
