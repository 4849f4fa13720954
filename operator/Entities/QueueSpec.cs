using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Where connections wait, first come first served, while every endpoint has maxConnectionsPerEndpoint.")]
public sealed record QueueSpec
{
    [Description("Connections that wait at most at one gateway; more are refused.")]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int MaxLength { get; set; } = 128;

    [Description("A connection that waited this long is refused.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string Timeout { get; set; } = "5s";

    [Description(
        "A waiting client that ends its sending side gives up its place. Default false: it may still read its answer. One that is reset, or waits with a WebSocket handshake, gives it up in any case."
    )]
    public bool AbortOnClose { get; set; }
}
