using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Where pods go, and what else they carry.")]
public sealed record PodTemplate
{
    [Description("Labels added to the pods; those of the fleet win. At most 32.")]
    [Items(0, 32, MaxTextLength = 63)]
    public IReadOnlyDictionary<string, string>? Labels { get; set; }

    [Description("Annotations added to the pods. At most 32.")]
    [Items(0, 32, MaxTextLength = 4096)]
    public IReadOnlyDictionary<string, string>? Annotations { get; set; }

    [Description("Labels that a node must have. At most 32.")]
    [Items(0, 32, MaxTextLength = 63)]
    public IReadOnlyDictionary<string, string>? NodeSelector { get; set; }

    [Description("Taints that the pods tolerate. At most 32.")]
    [Items(0, 32)]
    public IReadOnlyList<TolerationSpec> Tolerations { get; set; } = [];

    [Description("Affinity, as in a pod.")]
    public JsonObject? Affinity { get; set; }

    [Description("How evenly the pods are spread. Left out: over nodes and zones as well as it goes. At most 8.")]
    [Items(0, 8), ListMapKey("topologyKey")]
    public IReadOnlyList<SpreadSpec>? TopologySpreadConstraints { get; set; }

    [Description("Priority class of the pods.")]
    [Length(1, 253), Pattern(Patterns.DnsSubdomain, Patterns.DnsSubdomainMeaning)]
    public string? PriorityClassName { get; set; }

    [Description("Runtime class of the pods.")]
    [Length(1, 253), Pattern(Patterns.DnsSubdomain, Patterns.DnsSubdomainMeaning)]
    public string? RuntimeClassName { get; set; }

    [Description("Scheduler of the pods. Left out: the cluster's own.")]
    [Length(1, 253)]
    public string? SchedulerName { get; set; }

    [Description("When images are pulled. Left out: IfNotPresent, or Always where the tag is latest.")]
    [AllowedValues("Always", "IfNotPresent", "Never")]
    public string? ImagePullPolicy { get; set; }

    [Description("How the pods resolve names. Left out: ClusterFirst.")]
    [AllowedValues("ClusterFirst", "Default", "None")]
    public string? DnsPolicy { get; set; }

    [Description("Name servers, search domains and options, as in a pod.")]
    public JsonObject? DnsConfig { get; set; }

    [Description("User that the containers run as, 1 or more. Left out: the image's.")]
    [RangeMinimum(1), RangeMaximum(int.MaxValue)]
    public long? RunAsUser { get; set; }

    [Description("Group that the containers run as. Left out: the image's.")]
    [RangeMinimum(0), RangeMaximum(int.MaxValue)]
    public long? RunAsGroup { get; set; }

    [Description("Group that owns the mounted volumes. Left out: none.")]
    [RangeMinimum(0), RangeMaximum(int.MaxValue)]
    public long? FsGroup { get; set; }

    [Description("Secrets with the credentials to pull images. At most 8.")]
    [Items(0, 8), ListMapKey("name")]
    public IReadOnlyList<SecretName> ImagePullSecrets { get; set; } = [];
}

[Description("A taint that the pods tolerate, as in a pod.")]
public sealed record TolerationSpec
{
    [Description("Key of the taint. Left out, with operator Exists: every taint.")]
    [Length(0, 316)]
    public string? Key { get; set; }

    [Description("Equal (the default) or Exists.")]
    [AllowedValues("Equal", "Exists")]
    public string? Operator { get; set; }

    [Description("Value of the taint, for Equal.")]
    [Length(0, 63)]
    public string? Value { get; set; }

    [Description("Effect of the taint. Left out: all.")]
    [AllowedValues("NoSchedule", "PreferNoSchedule", "NoExecute")]
    public string? Effect { get; set; }

    [Description("How long the pod stays, for NoExecute. Left out: for ever.")]
    [RangeMinimum(0), RangeMaximum(int.MaxValue)]
    public long? TolerationSeconds { get; set; }
}

[Description("How evenly the pods are spread over the values of one node label.")]
public sealed record SpreadSpec
{
    [Description("By how many pods two values may differ.")]
    [RangeMinimum(1), RangeMaximum(1000)]
    public int MaxSkew { get; set; } = 1;

    [Description("The node label, such as topology.kubernetes.io/zone.")]
    [Required, Length(1, 316), Pattern(Patterns.QualifiedName, Patterns.QualifiedNameMeaning)]
    public string TopologyKey { get; set; } = "";

    [Description("What becomes of a pod that would break the rule.")]
    [AllowedValues("ScheduleAnyway", "DoNotSchedule")]
    public string WhenUnsatisfiable { get; set; } = "ScheduleAnyway";
}

[Description("A Secret of the same namespace.")]
public sealed record SecretName
{
    [Description("Name of the Secret.")]
    [Required, Length(1, 253)]
    public string Name { get; set; } = "";
}

[Description("CPU and memory of a container.")]
public sealed record ResourcesSpec
{
    [Description("What it gets at most, by resource: cpu, memory and others. At most 16.")]
    [Items(0, 16)]
    public IReadOnlyDictionary<string, IntOrString>? Limits { get; set; }

    [Description("What is set aside for it, by resource. At most 16.")]
    [Items(0, 16)]
    public IReadOnlyDictionary<string, IntOrString>? Requests { get; set; }
}
