using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Settings of a WebSocket listener.")]
[ValidationRule("self.mode == 'Hub' || !has(self.hub)", "hub is only for mode Hub", FieldPath = ".hub")]
[ValidationRule("self.mode != 'Hub' || !has(self.routes) || size(self.routes) == 0", "routes are not for mode Hub", FieldPath = ".routes")]
[ValidationRule("self.mode != 'Hub' || !has(self.affinity)", "affinity is not for mode Hub", FieldPath = ".affinity")]
[ValidationRule("self.mode != 'Hub' || !has(self.lifetime)", "lifetime is not for mode Hub", FieldPath = ".lifetime")]
[ValidationRule("self.mode != 'Hub' || !has(self.idleTimeout)", "idleTimeout is not for mode Hub", FieldPath = ".idleTimeout")]
[ValidationRule(
    "self.mode != 'Hub' || !has(self.subprotocols) || size(self.subprotocols) == 0",
    "subprotocols is not for mode Hub",
    FieldPath = ".subprotocols"
)]
[ValidationRule(
    "self.mode != 'Hub' || !has(self.messagesPerMinute)",
    "messagesPerMinute is not for mode Hub",
    FieldPath = ".messagesPerMinute"
)]
[ValidationRule("self.mode != 'Hub' || !has(self.maxMessageBytes)", "maxMessageBytes is not for mode Hub", FieldPath = ".maxMessageBytes")]
[ValidationRule("self.mode != 'Hub' || !has(self.ping)", "ping is not for mode Hub", FieldPath = ".ping")]
[ValidationRule("self.mode != 'Hub' || !has(self.upgrades)", "upgrades is not for mode Hub", FieldPath = ".upgrades")]
[ValidationRule("self.mode != 'Hub' || !has(self.identity)", "identity is not for mode Hub", FieldPath = ".identity")]
[ValidationRule(
    "!has(self.messageBurst) || has(self.messagesPerMinute)",
    "messageBurst needs messagesPerMinute",
    FieldPath = ".messageBurst"
)]
public sealed record WebSocketListenerSpec
{
    [Description(
        "Proxy: each client is carried to a backend that speaks WebSocket itself. Only WebSockets are: clients that begin with plain HTTP must be told not to, socket.io's "
            + "with transports: ['websocket'], SignalR's with skipNegotiation: true and transport: WebSockets. Hub: the gateway ends the clients' WebSockets, and gives "
            + "them channels."
    )]
    [AllowedValues(WebSocketModes.Proxy, WebSocketModes.Hub)]
    public string Mode { get; set; } = WebSocketModes.Proxy;

    [Description("Settings of mode Hub. Fleets of several gateways need a registry: without one each gateway has channels of its own.")]
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

    [Description(
        "Origins that browsers may come from, as scheme://host, with a port where it is not the scheme's; *. in front of the host matches one label or more. "
            + "Others are answered 403; a request without Origin is no browser's and passes. Left out: any. At most 64."
    )]
    [Items(0, 64, MaxTextLength = 300), Pattern(Patterns.Origin, Patterns.OriginMeaning)]
    public IReadOnlyList<string> Origins { get; set; } = [];

    [Description(
        "Subprotocols that backends may be offered; others are taken out of a client's offer, and who offers only others is answered 400. Left out: any. At most 32."
    )]
    [Items(0, 32, MaxTextLength = 64), Pattern(Patterns.HttpToken, Patterns.HttpTokenMeaning)]
    public IReadOnlyList<string> Subprotocols { get; set; } = [];

    [Description("Messages of one client in a minute: 1 to 1000000. One too many closes the connection with 1008. Left out: any number.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? MessagesPerMinute { get; set; }

    [Description("Messages of one client that may come at once: 1 to 1000000. Left out: as many as in a minute. Needs messagesPerMinute.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? MessageBurst { get; set; }

    [Description(
        "Longest message of a client in bytes, as it is sent: compressed where it is. 1 to 1073741824. A longer one closes the connection with 1009 before the "
            + "frame that makes it so reaches the backend. Left out: any."
    )]
    [RangeMinimum(1), RangeMaximum(1_073_741_824)]
    public int? MaxMessageBytes { get; set; }

    [Description("Pings clients that are silent. Left out: they are left alone.")]
    public WebSocketPingSpec? Ping { get; set; }

    [Description("Holds new WebSockets to a pace. Left out: as fast as they come.")]
    public WebSocketUpgradesSpec? Upgrades { get; set; }

    [Description("Tells users and devices apart, whose connections are limited. Left out: they are not.")]
    public WebSocketIdentitySpec? Identity { get; set; }

    [Description("The whole head of the request must have come within this. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string? HandshakeTimeout { get; set; }

    [Description("A connection without a byte in either direction for this long is closed: at most 24h. Left out, or 0s: never.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('24h')", "must be at most 24h")]
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
    [ValidationRule("!self.matches('" + Patterns.UnservedPath + "')", Patterns.UnservedPathMessage)]
    public string PathPrefix { get; set; } = "/";

    [Description("Name of the backend that takes the request.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Backend { get; set; } = "";
}

[Description("How a client is kept with one endpoint.")]
[ValidationRule(
    "(self.type in ['Header', 'Query']) == has(self.name)",
    "name is for types Header and Query, which need it",
    FieldPath = ".name"
)]
public sealed record AffinitySpec
{
    [Description(
        "Cookie: the gateway sets a cookie that names the endpoint, signed with a key that is the fleet's. Header, Query, ClientAddress: by consistent hash of a "
            + "header field, of a parameter of the query, or of the client's address, the same on every gateway; a request without the value is balanced as any."
    )]
    [AllowedValues("Cookie", "Header", "Query", "ClientAddress")]
    public string Type { get; set; } = "Cookie";

    [Description("Name of the header field or of the parameter. Only for types Header and Query.")]
    [Length(1, 64), Pattern(Patterns.HttpToken, Patterns.HttpTokenMeaning)]
    public string? Name { get; set; }

    [Description("The cookie, of type Cookie.")]
    public CookieSpec Cookie { get; set; } = new();
}

[Description("The cookie that names a client's endpoint.")]
public sealed record CookieSpec
{
    [Description("Name of the cookie.")]
    [Length(1, 64), Pattern(Patterns.CookieName, Patterns.CookieNameMeaning)]
    public string Name { get; set; } = "mooring";

    [Description(
        "How long the client keeps the cookie: at most 9600h, as long as browsers keep any. Left out, or 0s: until its session ends."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('9600h')", "must be at most 9600h")]
    public string? Ttl { get; set; }

    [Description("Path under which the client sends the cookie.")]
    [Length(1, 256), Pattern(Patterns.CookiePath, Patterns.CookiePathMeaning)]
    public string Path { get; set; } = "/";

    [Description(
        "Whether browsers send the cookie from pages of other sites. Lax: not. Strict: nor on the way here from one. None: always, as pages of another site that open "
            + "WebSockets here need; the cookie is then marked Secure, without which browsers refuse it, so clients must come over TLS."
    )]
    [AllowedValues("Lax", "Strict", "None")]
    public string SameSite { get; set; } = "Lax";
}
