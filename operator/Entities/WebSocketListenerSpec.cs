using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Settings of a WebSocket listener.")]
[ValidationRule("self.mode == 'Hub' || !has(self.hub)", "hub is only for mode Hub", FieldPath = ".hub")]
[ValidationRule("self.mode != 'Hub' || !has(self.routes) || size(self.routes) == 0", "routes are not for mode Hub", FieldPath = ".routes")]
[ValidationRule("self.mode != 'Hub' || !has(self.affinity)", "affinity is not for mode Hub", FieldPath = ".affinity")]
[ValidationRule("self.mode != 'Hub' || !has(self.lifetime)", "lifetime is not for mode Hub", FieldPath = ".lifetime")]
[ValidationRule("self.mode != 'Hub' || !has(self.idleTimeout)", "idleTimeout is not for mode Hub", FieldPath = ".idleTimeout")]
public sealed record WebSocketListenerSpec
{
    [Description(
        "Proxy: each client is carried to a backend that speaks WebSocket itself. Hub: the gateway ends the clients' WebSockets, and gives them channels."
    )]
    [AllowedValues(WebSocketModes.Proxy, WebSocketModes.Hub)]
    public string Mode { get; set; } = WebSocketModes.Proxy;

    [Description("Settings of mode Hub.")]
    public HubSpec? Hub { get; set; }

    [Description(
        "How an endpoint is chosen for a new connection. LeastConnections: the one with the fewest, in proportion to weight. RoundRobin: each in turn. "
            + "ConsistentHash: by the client's address."
    )]
    [AllowedValues("LeastConnections", "RoundRobin", "ConsistentHash")]
    public string Balancing { get; set; } = "LeastConnections";

    [Description(
        "Tried in order; the first whose host and path match takes the request. A request that none takes goes to the listener's backend, or is answered "
            + "404 where there is none. At most 32."
    )]
    [Items(0, 32)]
    public IReadOnlyList<RouteSpec> Routes { get; set; } = [];

    [Description("Keeps a client with the endpoint that it had before.")]
    public AffinitySpec? Affinity { get; set; }

    [Description("The whole head of the request must have come within this. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string? HandshakeTimeout { get; set; }

    [Description("A connection without a byte in either direction for this long is closed. Left out: never.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string? IdleTimeout { get; set; }

    [Description("How long a connection may live. Left out: as long as its ends want.")]
    public LifetimeSpec? Lifetime { get; set; }

    [Description("Options of the sockets to clients. Left out: keepalive with its defaults.")]
    public SocketSpec? Socket { get; set; }
}

[Description("Requests of some hosts and paths, and where they go.")]
public sealed record RouteSpec
{
    [Description("Host names, case-insensitive, without port; *.example.com matches one label or more. Left out: any host. At most 16.")]
    [Items(0, 16), Pattern(Patterns.HostName, Patterns.HostNameMeaning)]
    public IReadOnlyList<string> Hosts { get; set; } = [];

    [Description("Prefix of the path, by whole segments: /app takes /app and /app/x, not /apple.")]
    [Length(1, 256), Pattern(Patterns.UrlPath, Patterns.UrlPathMeaning)]
    public string PathPrefix { get; set; } = "/";

    [Description("Name of the backend that takes the request.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Backend { get; set; } = "";
}

[Description("How a client is kept with one endpoint.")]
public sealed record AffinitySpec
{
    [Description("Cookie: the gateway sets a cookie that names the endpoint.")]
    [AllowedValues("Cookie")]
    public string Type { get; set; } = "Cookie";

    [Description("The cookie.")]
    public CookieSpec Cookie { get; set; } = new();
}

[Description("The cookie that names a client's endpoint.")]
public sealed record CookieSpec
{
    [Description("Name of the cookie.")]
    [Length(1, 64), Pattern(Patterns.CookieName, Patterns.CookieNameMeaning)]
    public string Name { get; set; } = "mooring";

    [Description("How long the client keeps the cookie. Left out: until its session ends.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string? Ttl { get; set; }

    [Description("Path under which the client sends the cookie.")]
    [Length(1, 256), Pattern(Patterns.CookiePath, Patterns.CookiePathMeaning)]
    public string Path { get; set; } = "/";
}
