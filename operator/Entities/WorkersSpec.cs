using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Shares in which the capacity of a gateway is counted.")]
public sealed record WorkersSpec
{
    [Description("Connections of one worker, 1 to 10000000.")]
    [Required, RangeMinimum(1), RangeMaximum(10_000_000)]
    public int Connections { get; set; } = 10_000;

    [Description(
        "Workers for each core that the gateway may use, 1 to 64. A worker is a share of the capacity and no thread: one event loop a core carries them."
    )]
    [Required, RangeMinimum(1), RangeMaximum(64)]
    public int PerCore { get; set; } = 4;
}
