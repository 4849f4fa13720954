using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "How many pods a workload has by its connections. The operator scales it; one that goes is emptied first, at the gateways' drain rate."
)]
[ValidationRule("self.minReplicas <= self.maxReplicas", "must be at least minReplicas", FieldPath = ".maxReplicas")]
[ValidationRule(
    "self.scaleDownThresholdPercent < self.scaleUpThresholdPercent",
    "must be below scaleUpThresholdPercent",
    FieldPath = ".scaleDownThresholdPercent"
)]
public sealed record WorkloadScalingSpec
{
    [Description("Pods at least: 1 to 5000.")]
    [RangeMinimum(1), RangeMaximum(5000)]
    public int MinReplicas { get; set; } = 1;

    [Description("Pods at most: 1 to 5000.")]
    [Required, RangeMinimum(1), RangeMaximum(5000)]
    public int MaxReplicas { get; set; }

    [Description("While true, the number stays as it is.")]
    public bool Paused { get; set; }

    [Description("While true, the number may rise and does not fall.")]
    public bool ScaleInPaused { get; set; }

    [Description("More pods above this part of what they are to carry, in percent: 1 to 100.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int ScaleUpThresholdPercent { get; set; } = 80;

    [Description("Fewer pods below this part of what they are to carry, in percent: 0 to 99.")]
    [RangeMinimum(0), RangeMaximum(99)]
    public int ScaleDownThresholdPercent { get; set; } = 30;

    [Description("Time from one scale-up to the next, unless the pods carry all that they are to.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string ScaleUpCooldown { get; set; } = "1m";

    [Description("Time from any change to the next scale-down.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string ScaleDownCooldown { get; set; } = "10m";

    [Description("Room that is kept free for connections to come. Left out: what the thresholds leave.")]
    public ScalingBufferSpec? Buffer { get; set; }
}
