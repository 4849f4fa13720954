namespace Mooring.Kubernetes.Models;

/// <summary>The scale subresource (autoscaling/v1).</summary>
public sealed class Scale : IKubernetesObject
{
    public string ApiVersion { get; set; } = "autoscaling/v1";

    public string Kind { get; set; } = "Scale";

    public ObjectMeta Metadata { get; set; } = new();

    public ScaleSpec Spec { get; set; } = new();

    public ScaleStatus? Status { get; set; }
}

/// <summary>What is wanted.</summary>
public sealed class ScaleSpec
{
    public int Replicas { get; set; }
}

/// <summary>What is there.</summary>
public sealed class ScaleStatus
{
    public int Replicas { get; set; }

    /// <summary>Label selector of the counted pods, in its text form.</summary>
    public string? Selector { get; set; }
}
