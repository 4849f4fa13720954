using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How long a connection may live, whatever goes over it.")]
public sealed record LifetimeSpec
{
    [Description("From accept to the end: of TCP by a reset, of a WebSocket by a close frame with the drain's code.")]
    [Required, Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('1s') && duration(self) <= duration('720h')", "must be 1s to 720h")]
    public string MaxDuration { get; set; } = "";

    [Description("Each connection ends earlier by up to this share, so that those of one moment don't end in one.")]
    [RangeMinimum(0), RangeMaximum(100)]
    public int JitterPercent { get; set; } = 10;
}
