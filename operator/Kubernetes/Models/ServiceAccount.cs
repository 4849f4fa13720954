namespace Mooring.Kubernetes.Models;

/// <summary>v1 ServiceAccount.</summary>
[KubernetesEntity(Kind = "ServiceAccount", PluralName = "serviceaccounts")]
public sealed class ServiceAccount : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "ServiceAccount";

    public ObjectMeta Metadata { get; set; } = new();

    public bool? AutomountServiceAccountToken { get; set; }
}
