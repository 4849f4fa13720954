namespace Mooring.Kubernetes.Models;

/// <summary>v1 ConfigMap.</summary>
[KubernetesEntity(Kind = "ConfigMap", PluralName = "configmaps")]
public sealed class ConfigMap : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "ConfigMap";

    public ObjectMeta Metadata { get; set; } = new();

    public Dictionary<string, string>? Data { get; set; }
}
