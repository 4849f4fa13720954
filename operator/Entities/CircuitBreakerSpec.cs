using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Stops sending connections to where they fail: closed, open after failureThreshold failures in a row, half-open after resetTimeout, closed again after "
        + "successThreshold successes. It stands in for health.passive, which is off then unless it is set."
)]
public sealed record CircuitBreakerSpec
{
    [Description("Endpoint: each has a breaker of its own. Backend: all endpoints share one.")]
    [AllowedValues("Endpoint", "Backend")]
    public string Scope { get; set; } = "Endpoint";

    [Description("Failures in a row that open it.")]
    [RangeMinimum(1), RangeMaximum(1000)]
    public int FailureThreshold { get; set; } = 5;

    [Description("Successes in a row that close it while it is half-open, and connections that it then lets through at the same time.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int SuccessThreshold { get; set; } = 2;

    [Description("A connect (of a WebSocket: with its handshake) that takes longer is a failure.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string Timeout { get; set; } = "10s";

    [Description("Time from opening to half-open.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('1h')", "must be more than 0s and at most 1h")]
    public string ResetTimeout { get; set; } = "60s";
}
