using System.Text.Json.Nodes;

namespace Mooring.Kubernetes.Models;

public sealed class PodTemplateSpec
{
    public ObjectMeta? Metadata { get; set; }

    public PodSpec? Spec { get; set; }
}

/// <summary>What runs in a pod, where, and with which rights.</summary>
public sealed class PodSpec
{
    public string? ServiceAccountName { get; set; }

    public bool? AutomountServiceAccountToken { get; set; }

    /// <summary>Puts a variable for each Service of the namespace into every container; the cluster's default is true.</summary>
    public bool? EnableServiceLinks { get; set; }

    /// <summary>The node's processes are in sight.</summary>
    public bool? HostPID { get; set; }

    /// <summary>The containers see each other, and none of them is the first process, to which the kernel gives no signal that it has no handler for.</summary>
    public bool? ShareProcessNamespace { get; set; }

    /// <summary><c>Always</c>, <c>OnFailure</c> or <c>Never</c>.</summary>
    public string? RestartPolicy { get; set; }

    public long? TerminationGracePeriodSeconds { get; set; }

    public string? NodeName { get; set; }

    public Dictionary<string, string>? NodeSelector { get; set; }

    public List<Toleration>? Tolerations { get; set; }

    /// <summary>As the API has it; carried along, never looked into.</summary>
    public JsonObject? Affinity { get; set; }

    public List<TopologySpreadConstraint>? TopologySpreadConstraints { get; set; }

    public string? PriorityClassName { get; set; }

    public string? SchedulerName { get; set; }

    /// <summary><c>ClusterFirst</c>, <c>Default</c>, <c>None</c> or <c>ClusterFirstWithHostNet</c>.</summary>
    public string? DnsPolicy { get; set; }

    /// <summary>As the API has it; carried along, never looked into.</summary>
    public JsonObject? DnsConfig { get; set; }

    public string? RuntimeClassName { get; set; }

    public List<LocalObjectReference>? ImagePullSecrets { get; set; }

    public PodSecurityContext? SecurityContext { get; set; }

    public List<Container>? Containers { get; set; }

    public List<Volume>? Volumes { get; set; }
}

public sealed class LocalObjectReference
{
    public string? Name { get; set; }
}

public sealed class Toleration
{
    public string? Key { get; set; }

    /// <summary><c>Equal</c> or <c>Exists</c>.</summary>
    public string? Operator { get; set; }

    public string? Value { get; set; }

    /// <summary><c>NoSchedule</c>, <c>PreferNoSchedule</c> or <c>NoExecute</c>; null: all.</summary>
    public string? Effect { get; set; }

    public long? TolerationSeconds { get; set; }
}

public sealed class TopologySpreadConstraint
{
    public int? MaxSkew { get; set; }

    public string? TopologyKey { get; set; }

    /// <summary><c>DoNotSchedule</c> or <c>ScheduleAnyway</c>.</summary>
    public string? WhenUnsatisfiable { get; set; }

    public LabelSelector? LabelSelector { get; set; }
}

public sealed class PodSecurityContext
{
    public bool? RunAsNonRoot { get; set; }

    public long? RunAsUser { get; set; }

    public long? RunAsGroup { get; set; }

    public long? FsGroup { get; set; }

    public SeccompProfile? SeccompProfile { get; set; }

    /// <summary>Kernel settings of the pod's namespaces, by name; each once.</summary>
    public List<Sysctl>? Sysctls { get; set; }
}

public sealed class Sysctl
{
    public string? Name { get; set; }

    public string? Value { get; set; }
}

public sealed class SeccompProfile
{
    /// <summary><c>RuntimeDefault</c>, <c>Localhost</c> or <c>Unconfined</c>.</summary>
    public string? Type { get; set; }
}
