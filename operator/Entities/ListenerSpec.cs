using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("One place where clients arrive: a port, what it speaks, and the backend behind it.")]
[ValidationRule("self.protocol == 'TCP' || !has(self.tcp)", "tcp is only for protocol TCP", FieldPath = ".tcp")]
[ValidationRule("self.protocol == 'UDP' || !has(self.udp)", "udp is only for protocol UDP", FieldPath = ".udp")]
[ValidationRule(
    "self.protocol != 'UDP' || !has(self.limits) || (!has(self.limits.bandwidth) && !has(self.limits.connectionBandwidth)"
        + " && self.limits.refuse == 'Reset')",
    "of limits, only newConnections is for protocol UDP",
    FieldPath = ".limits"
)]
[ValidationRule(
    "!has(self.webSocket) || self.webSocket.mode != 'Hub' || !has(self.limits) || (!has(self.limits.bandwidth) && !has(self.limits.connectionBandwidth))",
    "bandwidth is not for mode Hub: what a client may send and get is bounded by the Hub's queues",
    FieldPath = ".limits"
)]
[ValidationRule("self.protocol != 'UDP' || !has(self.tls)", "tls is not for protocol UDP", FieldPath = ".tls")]
[ValidationRule(
    "self.protocol != 'UDP' || !has(self.proxyProtocol)",
    "proxyProtocol is not for protocol UDP",
    FieldPath = ".proxyProtocol"
)]
[ValidationRule(
    "self.protocol == 'WebSocket' || !has(self.webSocket)",
    "webSocket is only for protocol WebSocket",
    FieldPath = ".webSocket"
)]
[ValidationRule("(self.protocol == 'Tunnel') == has(self.tunnel)", "tunnel is for protocol Tunnel, which needs it", FieldPath = ".tunnel")]
[ValidationRule("self.protocol != 'Tunnel' || !has(self.backend)", "backend is not for protocol Tunnel", FieldPath = ".backend")]
[ValidationRule(
    "!has(self.webSocket) || self.webSocket.mode != 'Hub' || !has(self.backend)",
    "backend is not for a WebSocket listener in mode Hub",
    FieldPath = ".backend"
)]
[ValidationRule(
    "!has(self.tunnel) || !has(self.tunnel.visitorsOf) || !has(self.tls)",
    "tls is not for a listener of visitors: their TLS is passed through",
    FieldPath = ".tls"
)]
[ValidationRule(
    "self.protocol == 'Tunnel' || has(self.backend) || (self.protocol == 'WebSocket' && has(self.webSocket) && has(self.webSocket.routes) && size(self.webSocket.routes) > 0)"
        + " || (has(self.webSocket) && self.webSocket.mode == 'Hub')"
        + " || (has(self.tls) && self.tls.mode == 'Passthrough' && has(self.tls.routes) && size(self.tls.routes) > 0)",
    "a listener needs a backend, or (WebSocket, or TLS passed through) routes",
    FieldPath = ".backend"
)]
[ValidationRule(
    "self.protocol == 'TCP' || !has(self.tls) || self.tls.mode != 'Passthrough'",
    "Passthrough is only for protocol TCP",
    FieldPath = ".tls.mode"
)]
[ValidationRule(
    "self.protocol != 'WebSocket' || !has(self.tls) || !has(self.tls.alpn) || self.tls.alpn.all(p, p == 'http/1.1')",
    "only http/1.1 is spoken by protocol WebSocket",
    FieldPath = ".tls.alpn"
)]
public sealed record ListenerSpec
{
    [Description("Name of the listener, unique in the fleet: a DNS label.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Name { get; set; } = "";

    [Description("What the listener speaks: TCP, UDP, WebSocket or Tunnel.")]
    [Required, AllowedValues(Protocols.Tcp, Protocols.Udp, Protocols.WebSocket, Protocols.Tunnel)]
    public string Protocol { get; set; } = "";

    [Description(
        "Port that clients use, 1 to 65535, unique among the fleet's UDP listeners and among the others. One below 1024 is bound higher inside the pod, which so needs no privilege."
    )]
    [Required, RangeMinimum(1), RangeMaximum(65535)]
    public int Port { get; set; }

    [Description("Name of the backend of every connection, or (WebSocket) of requests that no route takes.")]
    [Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string? Backend { get; set; }

    [Description("Client connections (UDP: flows) at most on this listener of one gateway. Left out: only the gateway's own limit.")]
    [RangeMinimum(1), RangeMaximum(10_000_000)]
    public int? MaxConnections { get; set; }

    [Description("Settings of protocol TCP.")]
    public TcpListenerSpec? Tcp { get; set; }

    [Description("Settings of protocol UDP.")]
    public UdpListenerSpec? Udp { get; set; }

    [Description("Settings of protocol WebSocket.")]
    public WebSocketListenerSpec? WebSocket { get; set; }

    [Description("Settings of protocol Tunnel.")]
    public TunnelListenerSpec? Tunnel { get; set; }

    [Description("TLS on the listener. Left out: none.")]
    public TlsListenerSpec? Tls { get; set; }

    [Description("PROXY headers from the proxies in front. Left out: clients connect by themselves.")]
    public ProxyProtocolSpec? ProxyProtocol { get; set; }

    [Description("Limits of rate and bandwidth, and what refused clients get.")]
    public ListenerLimitsSpec? Limits { get; set; }

    /// <summary>The backends that its connections go to, its own and those of its routes; their backups are not among them.</summary>
    public IEnumerable<string> BackendNames() =>
        new[] { Backend ?? "" }
            .Concat((Tls?.Routes ?? []).Select(static route => route.Backend))
            .Concat((WebSocket?.Routes ?? []).Select(static route => route.Backend))
            .Where(static name => name.Length > 0);
}

/// <summary>Values of <see cref="ListenerSpec.Protocol"/>.</summary>
public static class Protocols
{
    public const string Tcp = "TCP";
    public const string Udp = "UDP";
    public const string WebSocket = "WebSocket";
    public const string Tunnel = "Tunnel";
}

[Description("Settings of a TCP listener.")]
public sealed record TcpListenerSpec
{
    [Description(
        "How an endpoint is chosen for a new connection. LeastConnections: the one with the fewest, in proportion to weight. RoundRobin: each in turn. "
            + "ConsistentHash: by the client's address."
    )]
    [AllowedValues("LeastConnections", "RoundRobin", "ConsistentHash")]
    public string Balancing { get; set; } = "LeastConnections";

    [Description("A connection without a byte in either direction for this long is closed: at most 24h. Left out, or 0s: never.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('24h')", "must be at most 24h")]
    public string? IdleTimeout { get; set; }

    [Description("How long a connection may live. Left out: as long as its ends want.")]
    public LifetimeSpec? Lifetime { get; set; }

    [Description("Options of the sockets to clients. Left out: keepalive with its defaults.")]
    public SocketSpec? Socket { get; set; }
}
