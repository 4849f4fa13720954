namespace Mooring.Kubernetes.Models;

/// <summary>monitoring.coreos.com/v1 ServiceMonitor: of the Prometheus operator, which a cluster may not have.</summary>
[KubernetesEntity(Group = "monitoring.coreos.com", ApiVersion = "v1", Kind = "ServiceMonitor", PluralName = "servicemonitors")]
public sealed class ServiceMonitor : IKubernetesObject
{
    public string ApiVersion { get; set; } = "monitoring.coreos.com/v1";

    public string Kind { get; set; } = "ServiceMonitor";

    public ObjectMeta Metadata { get; set; } = new();

    public ServiceMonitorSpec? Spec { get; set; }
}

public sealed class ServiceMonitorSpec
{
    /// <summary>Services whose endpoints are read.</summary>
    public LabelSelector? Selector { get; set; }

    public List<ServiceMonitorEndpoint>? Endpoints { get; set; }

    /// <summary>Labels of the Service that its series get.</summary>
    public List<string>? TargetLabels { get; set; }
}

public sealed class ServiceMonitorEndpoint
{
    /// <summary>Name of the Service's port.</summary>
    public string? Port { get; set; }

    public string? Path { get; set; }

    /// <summary>As Prometheus writes a duration.</summary>
    public string? Interval { get; set; }

    /// <summary>Labels that the series bring win over those of the target: <c>endpoint</c>, for one, is a label of both.</summary>
    public bool? HonorLabels { get; set; }

    public List<ServiceMonitorRelabeling>? Relabelings { get; set; }
}

/// <summary>A label of the target, made from others.</summary>
public sealed class ServiceMonitorRelabeling
{
    public List<string>? SourceLabels { get; set; }

    public string? TargetLabel { get; set; }
}
