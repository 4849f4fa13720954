namespace Mooring.Kubernetes.Models;

/// <summary>policy/v1 PodDisruptionBudget.</summary>
[KubernetesEntity(Group = "policy", ApiVersion = "v1", Kind = "PodDisruptionBudget", PluralName = "poddisruptionbudgets")]
public sealed class PodDisruptionBudget : IKubernetesObject
{
    public string ApiVersion { get; set; } = "policy/v1";

    public string Kind { get; set; } = "PodDisruptionBudget";

    public ObjectMeta Metadata { get; set; } = new();

    public PodDisruptionBudgetSpec? Spec { get; set; }
}

public sealed class PodDisruptionBudgetSpec
{
    public IntOrString? MinAvailable { get; set; }

    public LabelSelector? Selector { get; set; }

    /// <summary><c>IfHealthyBudget</c> or <c>AlwaysAllow</c>.</summary>
    public string? UnhealthyPodEvictionPolicy { get; set; }
}
