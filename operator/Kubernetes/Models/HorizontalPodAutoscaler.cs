namespace Mooring.Kubernetes.Models;

/// <summary>autoscaling/v2 HorizontalPodAutoscaler: the fields that an operator sets or reads.</summary>
[KubernetesEntity(Group = "autoscaling", ApiVersion = "v2", Kind = "HorizontalPodAutoscaler", PluralName = "horizontalpodautoscalers")]
public sealed class HorizontalPodAutoscaler : IKubernetesObject
{
    public string ApiVersion { get; set; } = "autoscaling/v2";

    public string Kind { get; set; } = "HorizontalPodAutoscaler";

    public ObjectMeta Metadata { get; set; } = new();

    public HorizontalPodAutoscalerSpec? Spec { get; set; }

    /// <summary>Written by the cluster; null on what is to be applied.</summary>
    public HorizontalPodAutoscalerStatus? Status { get; set; }
}

public sealed class HorizontalPodAutoscalerSpec
{
    public CrossVersionObjectReference? ScaleTargetRef { get; set; }

    public int? MinReplicas { get; set; }

    public int? MaxReplicas { get; set; }

    public List<MetricSpec>? Metrics { get; set; }

    public HorizontalPodAutoscalerBehavior? Behavior { get; set; }
}

public sealed class CrossVersionObjectReference
{
    public string? ApiVersion { get; set; }

    public string? Kind { get; set; }

    public string? Name { get; set; }
}

public sealed class MetricSpec
{
    /// <summary>Such as <c>External</c>.</summary>
    public string? Type { get; set; }

    public ExternalMetricSource? External { get; set; }
}

public sealed class ExternalMetricSource
{
    public MetricIdentifier? Metric { get; set; }

    public MetricTarget? Target { get; set; }
}

public sealed class MetricIdentifier
{
    public string? Name { get; set; }

    public LabelSelector? Selector { get; set; }
}

public sealed class MetricTarget
{
    /// <summary>Such as <c>AverageValue</c>.</summary>
    public string? Type { get; set; }

    public string? AverageValue { get; set; }
}

public sealed class HorizontalPodAutoscalerBehavior
{
    public ScalingRulesSpec? ScaleUp { get; set; }

    public ScalingRulesSpec? ScaleDown { get; set; }
}

public sealed class ScalingRulesSpec
{
    public int? StabilizationWindowSeconds { get; set; }

    public string? SelectPolicy { get; set; }

    public List<ScalingPolicySpec>? Policies { get; set; }

    /// <summary>A quantity; dropped by clusters whose API does not have it (before 1.35 without the gate HPAConfigurableTolerance).</summary>
    public string? Tolerance { get; set; }
}

public sealed class ScalingPolicySpec
{
    public string? Type { get; set; }

    public int? Value { get; set; }

    public int? PeriodSeconds { get; set; }
}

public sealed class HorizontalPodAutoscalerStatus
{
    public int? CurrentReplicas { get; set; }

    public int? DesiredReplicas { get; set; }

    public List<Condition>? Conditions { get; set; }
}
