using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How gateways of a new pod template take the place of the older ones.")]
[ValidationRule(
    "!has(self.minReadySeconds) || self.minReadySeconds < (has(self.progressDeadline) ? duration(self.progressDeadline).getSeconds() : 600)",
    "minReadySeconds must be less than progressDeadline",
    FieldPath = ".minReadySeconds"
)]
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

    [Description(
        "Seconds that a new gateway has to be ready without a break before it counts for the rollout: until then no older one goes for it, and one that "
            + "crashes again and again is no progress. 0 to 1800, and less than progressDeadline. Default 5."
    )]
    [RangeMinimum(0), RangeMaximum(1800)]
    public int? MinReadySeconds { get; set; }

    [Description("A rollout without progress for so long is Degraded: 10s to 1h. Default 10m.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('10s') && duration(self) <= duration('1h')", "must be 10s to 1h")]
    public string? ProgressDeadline { get; set; }
}
