using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How many gateways there are to be by their load, and how the load is spread over them.")]
[ValidationRule("!has(self.driver) || has(self.maxReplicas)", "required where there is a driver", FieldPath = ".maxReplicas")]
[ValidationRule(
    "!has(self.maxReplicas) || (has(self.minReplicas) ? self.minReplicas : 2) <= self.maxReplicas",
    "must be at least minReplicas (2 where that is left out)",
    FieldPath = ".maxReplicas"
)]
[ValidationRule(
    "self.scaleDownThresholdPercent < self.scaleUpThresholdPercent",
    "must be below scaleUpThresholdPercent",
    FieldPath = ".scaleDownThresholdPercent"
)]
[ValidationRule(
    "!has(self.driver) || self.driver != 'HorizontalPodAutoscaler' || !has(self.minReplicas) || self.minReplicas > 0",
    "a HorizontalPodAutoscaler needs one at least",
    FieldPath = ".minReplicas"
)]
[ValidationRule(
    "!has(self.driver) || self.driver != 'Operator' || !has(self.minReplicas) || self.minReplicas > 0 || (has(self.schedules) && self.schedules.exists(s, s.minReplicas > 0))"
        + " || (has(self.buffer) && has(self.buffer.connections) && self.buffer.connections > 0)",
    "must be 1 at least where no schedule and no buffer.connections brings gateways back: nobody could connect to none",
    FieldPath = ".minReplicas"
)]
public sealed record ScalingSpec
{
    [Description(
        "Who changes the number of gateways. HorizontalPodAutoscaler: one that the fleet brings along. Operator: the operator itself. External: somebody else; status.scaling says what it should be. Left out: nobody."
    )]
    [AllowedValues("HorizontalPodAutoscaler", "Operator", "External")]
    public string? Driver { get; set; }

    [Description("Gateways at least: 0 to 1000. Default 2.")]
    [RangeMinimum(0), RangeMaximum(1000)]
    public int? MinReplicas { get; set; }

    [Description("Gateways at most: 1 to 1000.")]
    [RangeMinimum(1), RangeMaximum(1000)]
    public int? MaxReplicas { get; set; }

    [Description("While true, the number stays as it is.")]
    public bool Paused { get; set; }

    [Description("While true, the number may rise and does not fall.")]
    public bool ScaleInPaused { get; set; }

    [Description("More gateways above this part of the capacity, in percent: 1 to 100.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int ScaleUpThresholdPercent { get; set; } = 80;

    [Description("Fewer gateways below this part of the capacity, in percent: 0 to 99.")]
    [RangeMinimum(0), RangeMaximum(99)]
    public int ScaleDownThresholdPercent { get; set; } = 30;

    [Description("Time from one scale-up to the next, unless not a slot is free.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string ScaleUpCooldown { get; set; } = "5m";

    [Description("Time from any change to the next scale-down.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    public string ScaleDownCooldown { get; set; } = "10m";

    [Description("Slots that are kept free for clients to come. Left out: what the thresholds leave.")]
    public ScalingBufferSpec? Buffer { get; set; }

    [Description(
        "What else one gateway is to carry at most; of several signals, connections among them, the one that wants the most gateways wins."
    )]
    public ScalingSignalsSpec? Signals { get; set; }

    [Description("Times of the week with a minimum of their own. At most 32.")]
    [Items(0, 32), ListMapKey("name")]
    public IReadOnlyList<ScalingScheduleSpec> Schedules { get; set; } = [];

    [Description(
        "Connections are sent away from gateways that have more than their share, as after a scale-out. Left out: they stay where they are."
    )]
    public RebalanceSpec? Rebalance { get; set; }
}

[Description("Slots that are kept free: the larger of the two.")]
public sealed record ScalingBufferSpec
{
    [Description("So many.")]
    [RangeMinimum(0), RangeMaximum(100_000_000)]
    public int Connections { get; set; }

    [Description("So many percent of the open connections.")]
    [RangeMinimum(0), RangeMaximum(1000)]
    public int Percent { get; set; }
}

[Description("What one gateway is to carry at most, besides connections.")]
public sealed record ScalingSignalsSpec
{
    [Description("WebSocket messages per second, both directions.")]
    [RangeMinimum(1), RangeMaximum(1_000_000_000)]
    public int? MessagesPerSecond { get; set; }

    [Description("Megabits per second, both directions.")]
    [RangeMinimum(1), RangeMaximum(1_000_000)]
    public int? BandwidthMegabitsPerSecond { get; set; }

    [Description("CPU in percent of one core; 150 is one and a half.")]
    [RangeMinimum(1), RangeMaximum(12_800)]
    public int? CpuPercent { get; set; }
}

[Description("Times of the week at which there are to be so many gateways at least.")]
public sealed record ScalingScheduleSpec
{
    [Description("Name of the schedule.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Name { get; set; } = "";

    [Description("Days on which it begins. Left out: every day.")]
    [Items(1, 7)]
    [Pattern("^(Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)$", "a day, such as Monday")]
    public IReadOnlyList<string>? Days { get; set; }

    [Description("Time of day at which it begins, such as 08:00.")]
    [Required, Length(5, 5), Pattern(Patterns.TimeOfDay, Patterns.TimeOfDayMeaning)]
    public string Start { get; set; } = "";

    [Description("Time of day at which it ends; not after start: on the next day.")]
    [Required, Length(5, 5), Pattern(Patterns.TimeOfDay, Patterns.TimeOfDayMeaning)]
    public string End { get; set; } = "";

    [Description("Whose clock, as an IANA name such as Europe/Zurich.")]
    [Length(1, 64)]
    public string TimeZone { get; set; } = "UTC";

    [Description("Gateways at least, never above maxReplicas.")]
    [Required, RangeMinimum(0), RangeMaximum(1000)]
    public int MinReplicas { get; set; }
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
