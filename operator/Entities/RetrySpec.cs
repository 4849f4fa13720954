using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Other endpoints that a connection is tried at while nothing was sent, within a budget of the whole backend, so that an outage is not multiplied."
)]
public sealed record RetrySpec
{
    [Description(
        "Endpoints tried for one connection, the first included. At most 3 for the backend of a UDP listener, whose flows move on at once, whatever the budget."
    )]
    [RangeMinimum(1), RangeMaximum(5)]
    public int Attempts { get; set; } = 3;

    [Description("Retries in percent of connects.")]
    [RangeMinimum(0), RangeMaximum(100)]
    public int BudgetPercent { get; set; } = 20;

    [Description("Retries per second and gateway that are allowed whatever the traffic.")]
    [RangeMinimum(0), RangeMaximum(10_000)]
    public int MinRetriesPerSecond { get; set; } = 10;
}
