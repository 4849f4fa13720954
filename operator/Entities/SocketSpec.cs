using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Options of TCP sockets.")]
public sealed record SocketSpec
{
    [Description("Probes of an idle connection, which find a peer that is gone. Left out: on for clients, off for backends.")]
    public KeepAliveSpec? KeepAlive { get; set; }

    [Description(
        "TCP_USER_TIMEOUT: what was sent and is not acknowledged for this long ends the connection. Left out: the kernel's own time."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('24h')", "must be more than 0s and at most 24h")]
    public string? UserTimeout { get; set; }
}

[Description("TCP keepalive: TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.")]
public sealed record KeepAliveSpec
{
    [Description("Whether idle connections are probed.")]
    public bool Enabled { get; set; } = true;

    [Description(
        "Silence before the first probe, in whole seconds. The default is below the 240 s after which cloud load balancers forget a flow."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('9h')", "must be 1s to 9h")]
    public string Idle { get; set; } = "2m";

    [Description("Time between two probes, in whole seconds.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('9h')", "must be 1s to 9h")]
    public string Interval { get; set; } = "30s";

    [Description("Probes without an answer that end the connection.")]
    [RangeMinimum(1), RangeMaximum(127)]
    public int Probes { get; set; } = 4;
}
