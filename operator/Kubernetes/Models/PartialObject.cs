namespace Mooring.Kubernetes.Models;

/// <summary>Only the common part of an object: for reads that need no more than metadata.</summary>
public sealed class PartialObject : IKubernetesObject
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public ObjectMeta Metadata { get; set; } = new();
}
