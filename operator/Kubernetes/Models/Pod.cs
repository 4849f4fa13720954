namespace Mooring.Kubernetes.Models;

/// <summary>v1 Pod, as a reader needs it.</summary>
[KubernetesEntity(Kind = "Pod", PluralName = "pods")]
public sealed class Pod : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "Pod";

    public ObjectMeta Metadata { get; set; } = new();

    public PodSpec? Spec { get; set; }

    public PodStatus? Status { get; set; }
}

public sealed class PodStatus
{
    /// <summary><c>Pending</c>, <c>Running</c>, <c>Succeeded</c>, <c>Failed</c> or <c>Unknown</c>.</summary>
    public string? Phase { get; set; }

    public string? Reason { get; set; }

    public string? Message { get; set; }

    public string? PodIP { get; set; }

    public string? HostIP { get; set; }

    public DateTimeOffset? StartTime { get; set; }

    public List<PodCondition>? Conditions { get; set; }

    public List<ContainerStatus>? ContainerStatuses { get; set; }
}

public sealed class PodCondition
{
    public string? Type { get; set; }

    public string? Status { get; set; }

    public string? Reason { get; set; }

    public string? Message { get; set; }

    /// <summary>Since when the status is what it is.</summary>
    public DateTimeOffset? LastTransitionTime { get; set; }
}

public sealed class ContainerStatus
{
    public string? Name { get; set; }

    public bool? Ready { get; set; }

    public int? RestartCount { get; set; }

    public ContainerState? State { get; set; }

    /// <summary>Of the run before this one.</summary>
    public ContainerState? LastState { get; set; }
}

public sealed class ContainerState
{
    public ContainerStateWaiting? Waiting { get; set; }

    public ContainerStateTerminated? Terminated { get; set; }
}

public sealed class ContainerStateWaiting
{
    /// <summary>Such as <c>ImagePullBackOff</c> or <c>CreateContainerConfigError</c>.</summary>
    public string? Reason { get; set; }

    public string? Message { get; set; }
}

public sealed class ContainerStateTerminated
{
    public int? ExitCode { get; set; }

    /// <summary>Such as <c>Error</c> or <c>OOMKilled</c>.</summary>
    public string? Reason { get; set; }

    /// <summary>What the container left in its termination log.</summary>
    public string? Message { get; set; }
}
