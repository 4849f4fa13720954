namespace Mooring.Kubernetes.Models;

/// <summary>networking.k8s.io/v1 NetworkPolicy.</summary>
[KubernetesEntity(Group = "networking.k8s.io", ApiVersion = "v1", Kind = "NetworkPolicy", PluralName = "networkpolicies")]
public sealed class NetworkPolicy : IKubernetesObject
{
    public string ApiVersion { get; set; } = "networking.k8s.io/v1";

    public string Kind { get; set; } = "NetworkPolicy";

    public ObjectMeta Metadata { get; set; } = new();

    public NetworkPolicySpec? Spec { get; set; }
}

public sealed class NetworkPolicySpec
{
    /// <summary>Without labels: every pod of the namespace.</summary>
    public LabelSelector? PodSelector { get; set; }

    /// <summary><c>Ingress</c>, <c>Egress</c> or both.</summary>
    public List<string>? PolicyTypes { get; set; }

    /// <summary>What may come in; null: nothing.</summary>
    public List<NetworkPolicyIngressRule>? Ingress { get; set; }
}

public sealed class NetworkPolicyIngressRule
{
    /// <summary>Null: every port.</summary>
    public List<NetworkPolicyPort>? Ports { get; set; }

    /// <summary>Null: everybody.</summary>
    public List<NetworkPolicyPeer>? From { get; set; }
}

public sealed class NetworkPolicyPort
{
    public string? Protocol { get; set; }

    /// <summary>Number, or name of a container's port.</summary>
    public IntOrString? Port { get; set; }

    /// <summary>Last port of a range that begins with <see cref="Port"/>.</summary>
    public int? EndPort { get; set; }
}

public sealed class NetworkPolicyPeer
{
    public LabelSelector? PodSelector { get; set; }

    public LabelSelector? NamespaceSelector { get; set; }

    public IpBlock? IpBlock { get; set; }
}

public sealed class IpBlock
{
    public string? Cidr { get; set; }

    public List<string>? Except { get; set; }
}
