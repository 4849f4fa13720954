namespace Mooring.Kubernetes.Models;

/// <summary>apps/v1 Deployment: the fields that an operator sets or reads.</summary>
[KubernetesEntity(Group = "apps", ApiVersion = "v1", Kind = "Deployment", PluralName = "deployments")]
public sealed class Deployment : IKubernetesObject
{
    public string ApiVersion { get; set; } = "apps/v1";

    public string Kind { get; set; } = "Deployment";

    public ObjectMeta Metadata { get; set; } = new();

    public DeploymentSpec? Spec { get; set; }

    /// <summary>Written by the cluster; null on what is to be applied.</summary>
    public DeploymentStatus? Status { get; set; }
}

public sealed class DeploymentSpec
{
    public int? Replicas { get; set; }

    public int? MinReadySeconds { get; set; }

    public int? RevisionHistoryLimit { get; set; }

    public int? ProgressDeadlineSeconds { get; set; }

    public LabelSelector? Selector { get; set; }

    public DeploymentStrategy? Strategy { get; set; }

    public PodTemplateSpec? Template { get; set; }
}

public sealed class DeploymentStrategy
{
    /// <summary><c>RollingUpdate</c> or <c>Recreate</c>.</summary>
    public string? Type { get; set; }

    public RollingUpdateDeployment? RollingUpdate { get; set; }
}

public sealed class RollingUpdateDeployment
{
    public IntOrString? MaxSurge { get; set; }

    public IntOrString? MaxUnavailable { get; set; }
}

public sealed class DeploymentStatus
{
    public long? ObservedGeneration { get; set; }

    /// <summary>Pods that are not terminating.</summary>
    public int? Replicas { get; set; }

    public int? ReadyReplicas { get; set; }

    public int? AvailableReplicas { get; set; }

    public int? UpdatedReplicas { get; set; }

    public int? UnavailableReplicas { get; set; }

    /// <summary>Pods being deleted; null where the cluster does not report it.</summary>
    public int? TerminatingReplicas { get; set; }

    public List<DeploymentCondition>? Conditions { get; set; }
}

public sealed class DeploymentCondition
{
    public string? Type { get; set; }

    public string? Status { get; set; }

    public string? Reason { get; set; }

    public string? Message { get; set; }
}
