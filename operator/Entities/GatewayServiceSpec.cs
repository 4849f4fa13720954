using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("The Service that clients reach the gateways by.")]
[ValidationRule(
    "!has(self.externalTrafficPolicy) || self.type != 'ClusterIP'",
    "externalTrafficPolicy needs type NodePort or LoadBalancer",
    FieldPath = ".externalTrafficPolicy"
)]
[ValidationRule(
    "!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",
    "loadBalancerClass needs type LoadBalancer",
    FieldPath = ".loadBalancerClass"
)]
[ValidationRule(
    "!has(self.loadBalancerSourceRanges) || size(self.loadBalancerSourceRanges) == 0 || self.type == 'LoadBalancer'",
    "loadBalancerSourceRanges needs type LoadBalancer",
    FieldPath = ".loadBalancerSourceRanges"
)]
[ValidationRule(
    "!has(self.allocateLoadBalancerNodePorts) || self.type == 'LoadBalancer'",
    "allocateLoadBalancerNodePorts needs type LoadBalancer",
    FieldPath = ".allocateLoadBalancerNodePorts"
)]
[ValidationRule(
    "!has(self.nodePorts) || size(self.nodePorts) == 0 || self.type != 'ClusterIP'",
    "nodePorts needs type NodePort or LoadBalancer",
    FieldPath = ".nodePorts"
)]
public sealed record GatewayServiceSpec
{
    [Description("ClusterIP: from inside the cluster. NodePort: by each node's address too. LoadBalancer: by one from the cloud too.")]
    [AllowedValues("ClusterIP", "NodePort", "LoadBalancer")]
    public string Type { get; set; } = "ClusterIP";

    [Description("Annotations of the Service, which load balancers read. At most 64.")]
    [Items(0, 64, MaxTextLength = 4096)]
    public IReadOnlyDictionary<string, string>? Annotations { get; set; }

    [Description("Labels added to the Service, which address pools and DNS controllers select by; those of the fleet win. At most 32.")]
    [Items(0, 32, MaxTextLength = 63)]
    public IReadOnlyDictionary<string, string>? Labels { get; set; }

    [Description("Local keeps the client's address and skips nodes without a gateway; Cluster spreads over all.")]
    [AllowedValues("Cluster", "Local")]
    public string? ExternalTrafficPolicy { get; set; }

    [Description("Local: clients in the cluster reach gateways of their own node only. Left out: Cluster.")]
    [AllowedValues("Cluster", "Local")]
    public string? InternalTrafficPolicy { get; set; }

    [Description(
        "Which gateways clients in the cluster are sent to first; PreferSameZone and PreferSameNode need Kubernetes 1.35. Left out: any."
    )]
    [AllowedValues("PreferClose", "PreferSameZone", "PreferSameNode")]
    public string? TrafficDistribution { get; set; }

    [Description("ClientIP: connections of one client address go to one gateway while it is there. Left out: None.")]
    [AllowedValues("None", "ClientIP")]
    public string? SessionAffinity { get; set; }

    [Description("Addresses of one IP family or of both. Left out: the cluster's choice.")]
    [AllowedValues("SingleStack", "PreferDualStack", "RequireDualStack")]
    public string? IpFamilyPolicy { get; set; }

    [Description("IP families, the first one first. Left out: the cluster's choice.")]
    [Items(0, 2)]
    [Pattern("^IPv[46]$", "IPv4 or IPv6")]
    public IReadOnlyList<string> IpFamilies { get; set; } = [];

    [Description("Which load balancer implementation takes the Service.")]
    [Length(1, 253), Pattern(Patterns.QualifiedName, Patterns.QualifiedNameMeaning)]
    public string? LoadBalancerClass { get; set; }

    [Description("Networks from which the load balancer takes clients, where its implementation can tell. Left out: all. At most 64.")]
    [Items(0, 64, MaxTextLength = 49)]
    [Pattern(Patterns.Cidr, Patterns.CidrMeaning)]
    public IReadOnlyList<string> LoadBalancerSourceRanges { get; set; } = [];

    [Description("Whether a load balancer gets node ports, which some don't need. Left out: it does.")]
    public bool? AllocateLoadBalancerNodePorts { get; set; }

    [Description("Node ports of listeners. Those that are not here get one from the cluster. At most 64.")]
    [Items(0, 64), ListMapKey("listener")]
    public IReadOnlyList<NodePortSpec> NodePorts { get; set; } = [];
}

[Description("The port of every node that leads to a listener.")]
public sealed record NodePortSpec
{
    [Description("Name of the listener.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Listener { get; set; } = "";

    [Description("The port, in the cluster's range for node ports, which is mostly 30000 to 32767.")]
    [Required, RangeMinimum(1), RangeMaximum(65535)]
    public int Port { get; set; }
}
