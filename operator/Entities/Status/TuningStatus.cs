using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities.Status;

[Description("Kernel settings of the nodes.")]
public sealed record TuningStatus
{
    [Description("Nodes that the tuner is to run on.")]
    public int Nodes { get; set; }

    [Description("Nodes that are as wanted.")]
    public int Tuned { get; set; }

    [Description("Tuned of all, such as 3/3.")]
    [Length(0, 63)]
    public string? Summary { get; set; }

    [Description("What is not as wanted, the first 20.")]
    [Items(0, 20)]
    public IReadOnlyList<TuningProblem>? Problems { get; set; }

    [Description("How many there are in all.")]
    public int ProblemCount { get; set; }
}

[Description("A setting that is not as wanted.")]
public sealed record TuningProblem
{
    [Description("The node; empty for the gateways' pods.")]
    [Length(0, 253)]
    public string? Node { get; set; }

    [Description("The setting, or module:NAME.")]
    [Length(0, 253)]
    public string? Name { get; set; }

    [Description("What is wanted.")]
    [Length(0, 1024)]
    public string? Wanted { get; set; }

    [Description("What is there.")]
    [Length(0, 1024)]
    public string? Actual { get; set; }

    [Description("Why it is not.")]
    [Length(0, 1024)]
    public string? Reason { get; set; }
}
