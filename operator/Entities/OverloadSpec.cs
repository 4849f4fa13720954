using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("What a gateway does when its memory runs short.")]
[ValidationRule(
    "(has(self.pauseAtPercent) ? self.pauseAtPercent : 97) > (has(self.shedAtPercent) ? self.shedAtPercent : 90)",
    "pauseAtPercent (default 97) must be above shedAtPercent (default 90)",
    FieldPath = ".pauseAtPercent"
)]
public sealed record OverloadSpec
{
    [Description(
        "Memory of one gateway: 64Mi or more, as in 2Gi, against its process's resident set; or Auto: the limit of its cgroup, against all that the cgroup uses, "
            + "socket buffers too. Where the cgroup has no limit, nothing is watched. Default Auto."
    )]
    [ValidationRule(
        "type(self) == int ? self >= 67108864 : (self == 'Auto' || (isQuantity(self) && quantity(self).compareTo(quantity('64Mi')) >= 0 "
            + "&& quantity(self).compareTo(quantity('16Ti')) <= 0))",
        "must be Auto or 64Mi to 16Ti"
    )]
    public IntOrString? MemoryLimit { get; set; }

    [Description(
        "Share of the limit from which on the connections that hold most memory for longest are closed, until usage is five points below: 50 to 98. Default 90."
    )]
    [RangeMinimum(50), RangeMaximum(98)]
    public int? ShedAtPercent { get; set; }

    [Description(
        "Share of the limit from which on no connection is accepted, until usage is below shedAtPercent; clients wait in the kernel's queue: 51 to 99. Default 97."
    )]
    [RangeMinimum(51), RangeMaximum(99)]
    public int? PauseAtPercent { get; set; }
}
