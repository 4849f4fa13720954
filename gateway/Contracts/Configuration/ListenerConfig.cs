using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What a listener speaks.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ListenerProtocol>))]
public enum ListenerProtocol
{
    TCP,
    UDP,
    WebSocket,
    Tunnel,
}

/// <summary>How a backend endpoint is chosen for a new connection.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BalancingPolicy>))]
public enum BalancingPolicy
{
    /// <summary>The fewest open connections in proportion to weight, of two drawn at random (power of two choices); of all where there are few.</summary>
    LeastConnections,

    /// <summary>Each in turn, in proportion to weight.</summary>
    RoundRobin,

    /// <summary>By the client's address, with the least change when endpoints come and go.</summary>
    ConsistentHash,
}

/// <summary>One place where clients arrive.</summary>
public sealed record ListenerConfig
{
    /// <summary>DNS label, unique in the fleet.</summary>
    public required string Name { get; init; }

    public required ListenerProtocol Protocol { get; init; }

    /// <summary>Port that clients use, 1 to 65535. A UDP listener may have the same as one of the others.</summary>
    public required int Port { get; init; }

    /// <summary>Port that the process binds: above 1023 in a pod, so that it needs no privilege. 0: the same as <see cref="Port"/>.</summary>
    public int BindPort { get; init; }

    /// <summary>Name of the backend of connections that no route takes.</summary>
    public string? Backend { get; init; }

    /// <summary>Client connections (of UDP: flows) at most on this listener of one gateway. 0: only the gateway's own limit.</summary>
    public int MaxConnections { get; init; }

    /// <summary>Null: no TLS. For all but <see cref="ListenerProtocol.UDP"/>.</summary>
    public TlsListenerConfig? Tls { get; init; }

    /// <summary>For <see cref="ListenerProtocol.TCP"/>.</summary>
    public TcpListenerConfig? Tcp { get; init; }

    /// <summary>For <see cref="ListenerProtocol.UDP"/>.</summary>
    public UdpListenerConfig? Udp { get; init; }

    /// <summary>For <see cref="ListenerProtocol.WebSocket"/>.</summary>
    public WebSocketListenerConfig? WebSocket { get; init; }

    /// <summary>For <see cref="ListenerProtocol.Tunnel"/>.</summary>
    public TunnelListenerConfig? Tunnel { get; init; }

    /// <summary>For all but UDP. Null: clients connect by themselves.</summary>
    public ProxyProtocolConfig? ProxyProtocol { get; init; }

    /// <summary>For all but UDP. Null: none.</summary>
    public ListenerLimitsConfig? Limits { get; init; }
}

public sealed record TcpListenerConfig
{
    public BalancingPolicy Balancing { get; set; } = BalancingPolicy.LeastConnections;

    /// <summary>A connection without a byte in either direction for this long is closed. 0: never. Default 0.</summary>
    public TimeSpan IdleTimeout { get; init; }

    /// <summary>Null: a connection lives as long as its ends want.</summary>
    public LifetimeConfig? Lifetime { get; init; }

    /// <summary>Of the sockets to clients. Default: keepalive with its defaults.</summary>
    public SocketConfig Socket { get; set; } = new() { KeepAlive = new KeepAliveConfig() };
}

[JsonConverter(typeof(JsonStringEnumConverter<WebSocketMode>))]
public enum WebSocketMode
{
    /// <summary>Each client is carried to a backend that speaks WebSocket itself.</summary>
    Proxy,

    /// <summary>The gateway terminates the clients itself, with channels and fan-out.</summary>
    Hub,
}

public sealed record WebSocketListenerConfig
{
    public WebSocketMode Mode { get; set; } = WebSocketMode.Proxy;

    /// <summary>For <see cref="WebSocketMode.Hub"/>.</summary>
    public HubConfig? Hub { get; init; }

    public BalancingPolicy Balancing { get; set; } = BalancingPolicy.LeastConnections;

    /// <summary>
    /// Tried in order; the first whose host and path match takes the request. Without any, every request goes to the listener's backend;
    /// with some, a request that none takes goes to the listener's backend, or is answered 404 where there is none. At most 64.
    /// </summary>
    public IReadOnlyList<RouteConfig> Routes { get; set; } = [];

    /// <summary>Keeps a client with the endpoint it had before.</summary>
    public AffinityConfig? Affinity { get; init; }

    /// <summary>
    /// Origins that browsers may come from, as <c>scheme://host</c> with a port where it is not the scheme's; <c>*.</c> in front of the host matches one
    /// label or more. Empty: any. A request without Origin is no browser's and passes. At most 64.
    /// </summary>
    public IReadOnlyList<string> Origins { get; set; } = [];

    /// <summary>Subprotocols that may be offered to backends; others are taken out of the offer, and who offers only others is refused. Empty: any. At most 32.</summary>
    public IReadOnlyList<string> Subprotocols { get; set; } = [];

    /// <summary>Null: no limit.</summary>
    public WebSocketMessagesConfig? Messages { get; init; }

    /// <summary>Null: silent clients are left alone.</summary>
    public WebSocketPingConfig? Ping { get; init; }

    /// <summary>Null: as fast as they come.</summary>
    public UpgradePaceConfig? Upgrades { get; init; }

    /// <summary>Null: nobody is told apart.</summary>
    public WebSocketIdentityConfig? Identity { get; init; }

    /// <summary>The whole request head must have come within this. Default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>A connection without a byte in either direction for this long is closed. 0: never. Default 0.</summary>
    public TimeSpan IdleTimeout { get; init; }

    /// <summary>Null: a connection lives as long as its ends want.</summary>
    public LifetimeConfig? Lifetime { get; init; }

    /// <summary>Of the sockets to clients. Default: keepalive with its defaults.</summary>
    public SocketConfig Socket { get; set; } = new() { KeepAlive = new KeepAliveConfig() };
}

public sealed record RouteConfig
{
    /// <summary>Host names, case-insensitive, without port; <c>*.example.com</c> matches one label or more. Empty: any host. At most 16.</summary>
    public IReadOnlyList<string> Hosts { get; set; } = [];

    /// <summary>Prefix of the path, matched by whole segments (<c>/app</c> takes <c>/app</c> and <c>/app/x</c>, not <c>/apple</c>). Default <c>/</c>.</summary>
    public string PathPrefix { get; set; } = "/";

    public required string Backend { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<AffinityType>))]
public enum AffinityType
{
    /// <summary>A cookie of the gateway's that names the endpoint.</summary>
    Cookie,

    /// <summary>By consistent hash of a header field.</summary>
    Header,

    /// <summary>By consistent hash of a parameter of the query.</summary>
    Query,

    /// <summary>By consistent hash of the client's address.</summary>
    ClientAddress,
}

public sealed record AffinityConfig
{
    public AffinityType Type { get; set; } = AffinityType.Cookie;

    /// <summary>Of types Header and Query: the field's or the parameter's name. A request without it is balanced as any.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// What cookies are signed with: 32 to 128 characters, the same for all gateways of a fleet. Null: they are not signed, and who forges one chooses an
    /// endpoint, which is all it can do.
    /// </summary>
    public string? Key { get; init; }

    /// <summary>Name of the cookie; an RFC 6265 token. Default <c>mooring</c>.</summary>
    public string CookieName { get; set; } = "mooring";

    /// <summary>Max-Age of the cookie; 0 makes it a session cookie. Default 0.</summary>
    public TimeSpan CookieTtl { get; init; }

    /// <summary>Path attribute of the cookie. Default <c>/</c>.</summary>
    public string CookiePath { get; set; } = "/";

    /// <summary>SameSite attribute of the cookie. Default Lax. With None it is Secure too, whatever the listener speaks: browsers take it no other way.</summary>
    public CookieSameSite CookieSameSite { get; init; }
}

/// <summary>Whether browsers send a cookie with what pages of other sites ask for (RFC 6265bis §5.6.7).</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CookieSameSite>))]
public enum CookieSameSite
{
    /// <summary>Only when its user goes there.</summary>
    Lax,

    /// <summary>Never.</summary>
    Strict,

    /// <summary>Always.</summary>
    None,
}
