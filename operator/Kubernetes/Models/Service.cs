namespace Mooring.Kubernetes.Models;

/// <summary>v1 Service.</summary>
[KubernetesEntity(Kind = "Service", PluralName = "services")]
public sealed class Service : IKubernetesObject
{
    public string ApiVersion { get; set; } = "v1";

    public string Kind { get; set; } = "Service";

    public ObjectMeta Metadata { get; set; } = new();

    public ServiceSpec? Spec { get; set; }
}

public sealed class ServiceSpec
{
    /// <summary><c>ClusterIP</c>, <c>NodePort</c>, <c>LoadBalancer</c> or <c>ExternalName</c>.</summary>
    public string? Type { get; set; }

    /// <summary><c>None</c> makes the Service headless.</summary>
    public string? ClusterIP { get; set; }

    public string? LoadBalancerClass { get; set; }

    public List<string>? LoadBalancerSourceRanges { get; set; }

    public bool? AllocateLoadBalancerNodePorts { get; set; }

    /// <summary><c>Cluster</c> or <c>Local</c>.</summary>
    public string? InternalTrafficPolicy { get; set; }

    public string? TrafficDistribution { get; set; }

    /// <summary><c>None</c> or <c>ClientIP</c>.</summary>
    public string? SessionAffinity { get; set; }

    public string? IpFamilyPolicy { get; set; }

    public List<string>? IpFamilies { get; set; }

    /// <summary><c>Cluster</c> or <c>Local</c>; not with type ClusterIP.</summary>
    public string? ExternalTrafficPolicy { get; set; }

    public bool? PublishNotReadyAddresses { get; set; }

    public Dictionary<string, string>? Selector { get; set; }

    public List<ServicePort>? Ports { get; set; }
}

public sealed class ServicePort
{
    public string? Name { get; set; }

    public string? Protocol { get; set; }

    public string? AppProtocol { get; set; }

    public int? Port { get; set; }

    public IntOrString? TargetPort { get; set; }

    public int? NodePort { get; set; }
}
