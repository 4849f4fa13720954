namespace Mooring.Kubernetes.Models;

/// <summary>apps/v1 DaemonSet: the fields that an operator sets or reads.</summary>
[KubernetesEntity(Group = "apps", ApiVersion = "v1", Kind = "DaemonSet", PluralName = "daemonsets")]
public sealed class DaemonSet : IKubernetesObject
{
    public string ApiVersion { get; set; } = "apps/v1";

    public string Kind { get; set; } = "DaemonSet";

    public ObjectMeta Metadata { get; set; } = new();

    public DaemonSetSpec? Spec { get; set; }

    /// <summary>Written by the cluster; null on what is to be applied.</summary>
    public DaemonSetStatus? Status { get; set; }
}

public sealed class DaemonSetSpec
{
    public LabelSelector? Selector { get; set; }

    public PodTemplateSpec? Template { get; set; }
}

public sealed class DaemonSetStatus
{
    public long? ObservedGeneration { get; set; }

    /// <summary>Nodes that it is to run on.</summary>
    public int? DesiredNumberScheduled { get; set; }
}
