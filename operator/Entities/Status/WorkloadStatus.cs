using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Status;

[Description("The pods of one workload backend.")]
public sealed record WorkloadStatus
{
    [Description("Name of the backend.")]
    [Required, Length(1, 63)]
    public string Name { get; set; } = "";

    [Description("Pods wanted.")]
    public int Replicas { get; set; }

    [Description("Pods that are being emptied.")]
    public int Draining { get; set; }

    [Description("Connections that the gateways have there.")]
    public int Connections { get; set; }

    [Description("Connections in percent of what the wanted pods are to carry; 0 where maxConnections is not set.")]
    public int UtilizationPercent { get; set; }

    [Description("Why as many, in one word; left out where nothing is scaled.")]
    [Length(0, 63)]
    public string? Reason { get; set; }

    [Description("Why, with the figures of the moment at which the number or its reason last changed.")]
    [Length(0, 1024)]
    public string? Message { get; set; }

    [Description("When the number was last raised.")]
    [Length(0, 63)]
    public string? LastScaleUpTime { get; set; }

    [Description("When the number was last lowered.")]
    [Length(0, 63)]
    public string? LastScaleDownTime { get; set; }
}
