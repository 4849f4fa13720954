using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Status;

[Description("How many gateways the load wants.")]
public sealed record ScalingStatus
{
    [Description("Gateways that there should be.")]
    public int Recommended { get; set; }

    [Description("Why, in one word.")]
    [Length(0, 63)]
    public string? Reason { get; set; }

    [Description("Why, with the figures of the moment at which the recommendation or its reason last changed.")]
    [Length(0, 1024)]
    public string? Message { get; set; }

    [Description("Gateways asked for when this was written.")]
    public int Replicas { get; set; }

    [Description("When the number was last raised, by whoever it was.")]
    [Length(0, 63)]
    public string? LastScaleUpTime { get; set; }

    [Description("When the number was last lowered, by whoever it was.")]
    [Length(0, 63)]
    public string? LastScaleDownTime { get; set; }
}
