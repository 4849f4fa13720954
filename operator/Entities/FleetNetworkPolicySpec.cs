using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "What may reach the fleet's pods: everybody the listeners, the peers below the gateways' metrics, the gateways the workloads, and nothing else. Other NetworkPolicies may add to it."
)]
public sealed record FleetNetworkPolicySpec
{
    [Description("Managed: the operator keeps the NetworkPolicies. None: there are none of the fleet's.")]
    [AllowedValues("Managed", "None")]
    public string Mode { get; set; } = "Managed";

    [Description("Who may read the gateways' metrics and ask for their health. Left out: nobody but the node's kubelet. At most 16.")]
    [Items(0, 16)]
    public IReadOnlyList<NetworkPeerSpec> MetricsFrom { get; set; } = [];
}

[Description("Who may come in, as in a NetworkPolicy: pods by their labels and their namespace's, or addresses.")]
[ValidationRule(
    "has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",
    "either ipBlock must be set, or namespaceSelector, podSelector or both"
)]
public sealed record NetworkPeerSpec
{
    [Description("Namespaces by their labels; {} is all of them. Left out: the fleet's own.")]
    public MatchLabelsSpec? NamespaceSelector { get; set; }

    [Description("Pods by their labels; {} is all of them. Left out: all of the namespaces.")]
    public MatchLabelsSpec? PodSelector { get; set; }

    [Description("Addresses.")]
    public IpBlockSpec? IpBlock { get; set; }
}

[Description("Labels that must be there.")]
public sealed record MatchLabelsSpec
{
    [Description("The labels. At most 16.")]
    [Items(0, 16, MaxTextLength = 63)]
    public IReadOnlyDictionary<string, string>? MatchLabels { get; set; }
}

[Description("A network.")]
public sealed record IpBlockSpec
{
    [Description("The network, such as 10.0.0.0/8.")]
    [Required, Length(2, 49), Pattern(Patterns.Cidr, Patterns.CidrMeaning)]
    public string Cidr { get; set; } = "";

    [Description("Parts of it that stay out. At most 16.")]
    [Items(0, 16, MaxTextLength = 49)]
    [Pattern(Patterns.Cidr, Patterns.CidrMeaning)]
    public IReadOnlyList<string> Except { get; set; } = [];
}
