namespace Mooring.Kubernetes.Models;

/// <summary>discovery.k8s.io/v1 EndpointSlice: a part of a Service's endpoints.</summary>
[KubernetesEntity(Group = "discovery.k8s.io", ApiVersion = "v1", Kind = "EndpointSlice", PluralName = "endpointslices")]
public sealed class EndpointSlice : IKubernetesObject
{
    /// <summary>Label that holds the Service's name.</summary>
    public const string ServiceNameLabel = "kubernetes.io/service-name";

    public string ApiVersion { get; set; } = "discovery.k8s.io/v1";

    public string Kind { get; set; } = "EndpointSlice";

    public ObjectMeta Metadata { get; set; } = new();

    /// <summary><c>IPv4</c>, <c>IPv6</c> or <c>FQDN</c>.</summary>
    public string? AddressType { get; set; }

    public List<SliceEndpoint>? Endpoints { get; set; }

    public List<SlicePort>? Ports { get; set; }
}

public sealed class SliceEndpoint
{
    public List<string>? Addresses { get; set; }

    public SliceEndpointConditions? Conditions { get; set; }

    public EndpointTarget? TargetRef { get; set; }

    public string? NodeName { get; set; }

    public string? Zone { get; set; }
}

/// <summary>Null means unknown, to be read as true for <see cref="Ready"/> and <see cref="Serving"/>, false for <see cref="Terminating"/>.</summary>
public sealed class SliceEndpointConditions
{
    public bool? Ready { get; set; }

    public bool? Serving { get; set; }

    public bool? Terminating { get; set; }
}

public sealed class SlicePort
{
    public string? Name { get; set; }

    public int? Port { get; set; }

    public string? Protocol { get; set; }
}

/// <summary>The object behind an endpoint, most often a pod.</summary>
public sealed class EndpointTarget
{
    public string? Kind { get; set; }

    public string? Namespace { get; set; }

    public string? Name { get; set; }

    public string? Uid { get; set; }
}
