using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How gateways of a new pod template take the place of the older ones.")]
public sealed record RolloutSpec
{
    [Description(
        "Gateways beyond those wanted that may start or serve at a time, in percent of those wanted, at least one: 1 to 100. Draining ones come on top. Default 25."
    )]
    [RangeMinimum(1), RangeMaximum(100)]
    public int? MaxSurgePercent { get; set; }

    [Description(
        "Free slots that a rollout keeps, in percent of the wanted gateways' capacity: 0 to 90. It then empties older gateways before new ones are ready, "
            + "as far as the free capacity goes. Left out: as many gateways are always ready as are wanted."
    )]
    [RangeMinimum(0), RangeMaximum(90)]
    public int? MinFreePercent { get; set; }

    [Description("A rollout without progress for so long is Degraded: 10s to 1h. Default 10m.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('10s') && duration(self) <= duration('1h')", "must be 10s to 1h")]
    public string? ProgressDeadline { get; set; }
}
