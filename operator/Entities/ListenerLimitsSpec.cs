using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Limits of one listener on each gateway. Of a UDP listener, newConnections only: it counts flows.")]
[ValidationRule("!has(self.message) || self.refuse == 'Message'", "message is only for refuse Message", FieldPath = ".message")]
public sealed record ListenerLimitsSpec
{
    [Description("New connections per second. Left out: no limit.")]
    public RateSpec? NewConnections { get; set; }

    [Description("Bandwidth of all connections of the listener together. Left out: no limit.")]
    public BandwidthSpec? Bandwidth { get; set; }

    [Description("Bandwidth of each connection. Left out: no limit.")]
    public BandwidthSpec? ConnectionBandwidth { get; set; }

    [Description(
        "What a client over a limit gets. Reset: RST. Close: nothing. Message: on a TCP listener the message; on a WebSocket one HTTP 429 for limits of "
            + "the client's own, 503 for others; with TLS as Close."
    )]
    [AllowedValues("Reset", "Close", "Message")]
    public string Refuse { get; set; } = "Reset";

    [Description("Text for refused clients of a TCP listener, at most 512 characters. Needs refuse Message.")]
    [Length(1, 512)]
    public string? Message { get; set; }
}

[Description("How often something may happen: a token bucket.")]
public sealed record RateSpec
{
    [Description("How often per second in the long run: 1 to 1000000.")]
    [Required, RangeMinimum(1), RangeMaximum(1_000_000)]
    public int PerSecond { get; set; }

    [Description("How many at once after a quiet time: 1 to 1000000. Left out: as many as in a second.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? Burst { get; set; }
}

[Description("Bits per second: token buckets that hold a quarter of a second's.")]
public sealed record BandwidthSpec
{
    private const string Rule =
        "type(self) == int ? (self >= 8000 && self <= 8000000000000) : "
        + "(quantity(self).compareTo(quantity('8k')) >= 0 && quantity(self).compareTo(quantity('8T')) <= 0)";

    private const string Message = "must be 8k to 8T bits per second";

    [Description("From clients: 8k to 8T, as in 500k or 1G. Left out: no limit.")]
    [Quantity, ValidationRule(Rule, Message)]
    public IntOrString? ReceiveBitsPerSecond { get; set; }

    [Description("To clients: 8k to 8T, as in 500k or 1G. Left out: no limit.")]
    [Quantity, ValidationRule(Rule, Message)]
    public IntOrString? SendBitsPerSecond { get; set; }
}

[Description("Connections at most from one network, on each gateway.")]
public sealed record PrefixLimitSpec
{
    [Description("Connections at most: 1 to 10000000.")]
    [Required, RangeMinimum(1), RangeMaximum(10_000_000)]
    public int Connections { get; set; }

    [Description("Length of an IPv4 network's prefix: 8 to 32. Default 24.")]
    [RangeMinimum(8), RangeMaximum(32)]
    public int? Ipv4Bits { get; set; }

    [Description("Length of an IPv6 network's prefix: 16 to 64. Default 48.")]
    [RangeMinimum(16), RangeMaximum(64)]
    public int? Ipv6Bits { get; set; }
}
