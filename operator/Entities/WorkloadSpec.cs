using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Pods (in host mode: processes) that the fleet runs itself, listening on the port that it tells them in PORT.")]
[ValidationRule("!has(self.scaling) || has(self.maxConnections)", "required where there is scaling", FieldPath = ".maxConnections")]
public sealed record WorkloadSpec
{
    [Description("Container image.")]
    [Required, Length(1, 512), Pattern(Patterns.Image, Patterns.ImageMeaning)]
    public string Image { get; set; } = "";

    [Description("Command and arguments. Left out: the image's own. Host mode needs it: it is the process to run.")]
    [Items(0, 64, MaxTextLength = 4096)]
    public IReadOnlyList<string> Command { get; set; } = [];

    [Description("Variables of the environment. PORT is set by the fleet.")]
    [Items(0, 64), ListMapKey("name")]
    [ValidationRule("self.all(e, e.name != 'PORT')", "PORT is set by the fleet: use port")]
    public IReadOnlyList<EnvSpec> Env { get; set; } = [];

    [Description(
        "Port that the workload listens on; it finds it in the variable PORT. In host mode each process gets a free port of its own."
    )]
    [RangeMinimum(1), RangeMaximum(65535)]
    public int Port { get; set; } = 8080;

    [Description("How many; where there is scaling, how many to begin with. Those that are no longer wanted are emptied before they go.")]
    [RangeMinimum(0), RangeMaximum(5000)]
    public int Replicas { get; set; } = 1;

    [Description(
        "Connections that one pod is to carry, those of all gateways together: what scaling goes by. Nothing is refused for it; maxConnectionsPerEndpoint of the backend is the limit that each gateway enforces by itself."
    )]
    [RangeMinimum(1), RangeMaximum(10_000_000)]
    public int? MaxConnections { get; set; }

    [Description("Follows the connections with the number of pods. Left out: as many as replicas says.")]
    public WorkloadScalingSpec? Scaling { get; set; }

    [Description("CPU and memory of each.")]
    public ResourcesSpec? Resources { get; set; }

    [Description("Where the pods go, and what else they carry.")]
    public PodTemplate? Template { get; set; }

    [Description(
        "The Pod Security Standard that the pods keep to. Restricted: no root, no capability. Baseline: user and capabilities as the image and the runtime have them."
    )]
    [AllowedValues("Restricted", "Baseline")]
    public string PodSecurity { get; set; } = "Restricted";
}

[Description("A variable of the environment.")]
public sealed record EnvSpec
{
    [Description("Name of the variable.")]
    [Required, Length(1, 128), Pattern(Patterns.EnvName, Patterns.EnvNameMeaning)]
    public string Name { get; set; } = "";

    [Description("Value of the variable.")]
    [Length(0, 4096)]
    public string Value { get; set; } = "";
}
