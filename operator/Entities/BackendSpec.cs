using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("A set of endpoints that serve the same: exactly one of serviceRef, addresses and workload says where they are.")]
[ValidationRule(
    "(has(self.serviceRef) ? 1 : 0) + (has(self.addresses) ? 1 : 0) + (has(self.workload) ? 1 : 0) == 1",
    "exactly one of serviceRef, addresses and workload must be set"
)]
[ValidationRule("!has(self.queue) || has(self.maxConnectionsPerEndpoint)", "queue needs maxConnectionsPerEndpoint", FieldPath = ".queue")]
[ValidationRule("!has(self.backup) || self.backup != self.name", "a backend cannot be its own backup", FieldPath = ".backup")]
public sealed record BackendSpec
{
    [Description("Name of the backend, unique in the fleet: a DNS label.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Name { get; set; } = "";

    [Description("The pods behind a Service of the same namespace.")]
    public ServiceReference? ServiceRef { get; set; }

    [Description("Fixed addresses. At most 64.")]
    [Items(1, 64), ListMapKey("address")]
    public IReadOnlyList<AddressSpec>? Addresses { get; set; }

    [Description("Pods (in host mode: processes) that the fleet runs itself.")]
    public WorkloadSpec? Workload { get; set; }

    [Description(
        "Connections at most to one endpoint from one gateway: with three gateways an endpoint may get three times as many. Left out: no limit."
    )]
    [RangeMinimum(1), RangeMaximum(10_000_000)]
    public int? MaxConnectionsPerEndpoint { get; set; }

    [Description("A connect that takes longer counts as failed. Default 5s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string? ConnectTimeout { get; set; }

    [Description("TLS to the endpoints; not for UDP listeners. Left out: none.")]
    public BackendTlsSpec? Tls { get; set; }

    [Description("How endpoints that fail are found and left out.")]
    public HealthSpec? Health { get; set; }

    [Description("PROXY headers to the endpoints; not for UDP listeners. Left out: none.")]
    public BackendProxyProtocolSpec? ProxyProtocol { get; set; }

    [Description("Stops sending connections to where they fail. Left out: none.")]
    public CircuitBreakerSpec? CircuitBreaker { get; set; }

    [Description(
        "For this long an endpoint that is new, or came back, gets less than its share, rising evenly. Left out: its whole share at once."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('0s') && duration(self) <= duration('1h')", "must be at most 1h")]
    public string? SlowStart { get; set; }

    [Description("Other endpoints that a connection is tried at while nothing was sent.")]
    public RetrySpec? Retry { get; set; }

    [Description(
        "Where connections wait while every endpoint is full; needs maxConnectionsPerEndpoint; not for UDP listeners. Left out: they are refused at once."
    )]
    public QueueSpec? Queue { get; set; }

    [Description("Name of the backend that takes over while no endpoint of this one can be used. It must have no backup itself.")]
    [Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string? Backup { get; set; }

    [Description("Connections to an endpoint that drains or was removed are closed after this. Left out: they end by themselves.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('24h')", "must be more than 0s and at most 24h")]
    public string? DrainTimeout { get; set; }

    [Description("Options of the sockets to the endpoints. Left out: the kernel's defaults, without keepalive.")]
    public SocketSpec? Socket { get; set; }
}

[Description("A Service of the fleet's namespace.")]
public sealed record ServiceReference
{
    [Description("Name of the Service.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Name { get; set; } = "";

    [Description("Port of the Service, 1 to 65535; connections go straight to the pods, to the port that it targets.")]
    [Required, RangeMinimum(1), RangeMaximum(65535)]
    public int Port { get; set; }
}

[Description("One fixed endpoint.")]
public sealed record AddressSpec
{
    [Description("host:port; an IPv6 host in brackets.")]
    [Required, Length(3, 260), Pattern(Patterns.HostPort, Patterns.HostPortMeaning)]
    // isIP takes IPv4 too, and no IPv4 mapped into IPv6 (::ffff:10.0.0.1): with another group in the place of ffff the form is the same.
    [ValidationRule(
        "!self.startsWith('[') || (isIP(self.lowerAscii().replace('ffff', 'fffe').substring(1, self.lastIndexOf(']'))) "
            + "&& self.substring(1, self.lastIndexOf(']')).contains(':'))",
        "what is in brackets must be an IPv6 address"
    )]
    [ValidationRule("self.lastIndexOf(':') <= 253", "the host must be at most 253 characters long")]
    public string Address { get; set; } = "";

    [Description("Share of the connections, in proportion to the other endpoints' weights: 1 to 256.")]
    [RangeMinimum(1), RangeMaximum(256)]
    public int Weight { get; set; } = 1;

    [Description("Used only while no other endpoint of the backend can be.")]
    public bool Backup { get; set; }
}

[Description("How endpoints that fail are found and left out.")]
public sealed record HealthSpec
{
    [Description("By watching the connects of clients.")]
    public PassiveHealthSpec? Passive { get; set; }

    [Description("By checks of the gateways' own. Left out: none.")]
    public ActiveHealthSpec? Active { get; set; }
}

[Description("Health by watching the connects of clients, as nginx's max_fails and fail_timeout do it.")]
public sealed record PassiveHealthSpec
{
    [Description("Failed connects within failTimeout that put an endpoint out. 0: never.")]
    [RangeMinimum(0), RangeMaximum(1000)]
    public int MaxFails { get; set; } = 3;

    [Description("The time in which failures count, and for which the endpoint then stays out.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('1h')", "must be more than 0s and at most 1h")]
    public string FailTimeout { get; set; } = "30s";
}
