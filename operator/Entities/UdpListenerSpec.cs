using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Settings of a UDP listener. A client's datagrams go to the endpoint that a consistent hash of its address names (IPv6: of its /64), on every gateway "
        + "the same; its flow is one of the gateway's connections."
)]
public sealed record UdpListenerSpec
{
    [Description("A flow without a datagram in either direction for this long ends. 1s to 24h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('24h')", "must be at least 1s and at most 24h")]
    public string SessionTimeout { get; set; } = "60s";

    [Description(
        "A flow ends as soon as the backend has answered each datagram of the client with this many: 1 for DNS. Left out: only after sessionTimeout."
    )]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? Responses { get; set; }
}
