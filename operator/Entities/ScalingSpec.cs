using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How the fleet's load is spread over its gateways.")]
public sealed record ScalingSpec
{
    [Description(
        "Connections are sent away from gateways that have more than their share, as after a scale-out. Left out: they stay where they are."
    )]
    public RebalanceSpec? Rebalance { get; set; }
}

[Description("How uneven the gateways' loads may be, and how fast they are evened out. WebSockets only: raw TCP is never closed for it.")]
public sealed record RebalanceSpec
{
    [Description(
        "How far above its share a gateway may be, in percent of the share: 1 to 100. Differences that chance makes are left alone."
    )]
    [RangeMinimum(1), RangeMaximum(100)]
    public int MaxSkewPercent { get; set; } = 10;

    [Description("Connections of the whole fleet sent elsewhere per second, at most drain.reconnectsPerSecond: 1 to 100000.")]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int MovesPerSecond { get; set; } = 50;
}
