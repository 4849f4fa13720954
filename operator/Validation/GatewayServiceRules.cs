using System.Net;
using FluentValidation;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Validation;

/// <summary>What of a Service depends on its type, and node ports against the listeners.</summary>
internal sealed class GatewayServiceRules : AbstractValidator<GatewayServiceSpec>
{
    public GatewayServiceRules()
    {
        RuleFor(service => service.ExternalTrafficPolicy)
            .Null()
            .When(service => service.Type == "ClusterIP")
            .WithMessage("needs type NodePort or LoadBalancer");
        RuleFor(service => service.NodePorts)
            .Empty()
            .When(service => service.Type == "ClusterIP")
            .WithMessage("needs type NodePort or LoadBalancer");
        RuleFor(service => service.IpFamilies)
            .Must(static families => families.Distinct(StringComparer.Ordinal).Count() == families.Count)
            .WithMessage("must not have an item twice");
        RuleFor(service => service.IpFamilyPolicy)
            .Must(static policy => policy is "PreferDualStack" or "RequireDualStack")
            .When(service => service.IpFamilies.Count > 1)
            .WithMessage("must be PreferDualStack or RequireDualStack with two ipFamilies");
        RuleFor(service => service.LoadBalancerClass)
            .Null()
            .When(service => service.Type != "LoadBalancer")
            .WithMessage("needs type LoadBalancer");
        RuleFor(service => service.LoadBalancerSourceRanges)
            .Empty()
            .When(service => service.Type != "LoadBalancer")
            .WithMessage("needs type LoadBalancer");
        RuleFor(service => service.AllocateLoadBalancerNodePorts)
            .Null()
            .When(service => service.Type != "LoadBalancer")
            .WithMessage("needs type LoadBalancer");
        RuleForEach(service => service.LoadBalancerSourceRanges).Must(IsNetwork).WithMessage($"must be {Patterns.CidrMeaning}");
        RuleFor(service => service).Custom((service, context) => PodTemplateRules.CheckKeys("Annotations", service.Annotations, context));
        RuleFor(service => service).Custom((service, context) => PodTemplateRules.CheckLabels("Labels", service.Labels, context));
    }

    /// <summary>Node ports are of listeners that are there, each port once a protocol.</summary>
    public static void NodePortsFit(FleetSpec spec, ValidationContext<FleetSpec> context)
    {
        var listeners = spec.Listeners.DistinctBy(listener => listener.Name).ToDictionary(listener => listener.Name);
        var taken = new HashSet<(bool Udp, int Port)>();
        foreach (var (index, port) in spec.Gateway.Service.NodePorts.Index())
        {
            var path = $"Gateway.Service.NodePorts[{index}]";
            if (!listeners.TryGetValue(port.Listener, out var listener))
            {
                context.AddFailure($"{path}.Listener", $"there is no listener '{port.Listener}'");
            }
            else if (!taken.Add((listener.Protocol == Protocols.Udp, port.Port)))
            {
                context.AddFailure($"{path}.Port", $"node port {port.Port} is taken by another listener");
            }
        }
    }

    /// <summary>An address, or a network, which may have bits beyond its prefix: the API server takes those.</summary>
    internal static bool IsNetwork(string text) => Networks.TryParse(text, out _, out _);
}

/// <summary>Who may read metrics.</summary>
internal sealed class NetworkPolicyRules : AbstractValidator<FleetNetworkPolicySpec>
{
    public NetworkPolicyRules()
    {
        RuleForEach(policy => policy.MetricsFrom)
            .Must(peer => peer.IpBlock is not null != (peer.NamespaceSelector is not null || peer.PodSelector is not null))
            .WithMessage("either ipBlock must be set, or namespaceSelector, podSelector or both");
        RuleForEach(policy => policy.MetricsFrom).SetValidator(new NetworkPeerRules());
    }

    private sealed class NetworkPeerRules : AbstractValidator<NetworkPeerSpec>
    {
        public NetworkPeerRules()
        {
            RuleFor(peer => peer)
                .Custom(
                    (peer, context) =>
                    {
                        PodTemplateRules.CheckLabelMap("NamespaceSelector.MatchLabels", peer.NamespaceSelector?.MatchLabels, context);
                        PodTemplateRules.CheckLabelMap("PodSelector.MatchLabels", peer.PodSelector?.MatchLabels, context);
                    }
                );
            RuleFor(peer => peer.IpBlock!.Cidr)
                .Must(GatewayServiceRules.IsNetwork)
                .When(peer => peer.IpBlock is not null)
                .WithMessage($"must be {Patterns.CidrMeaning}");
            RuleForEach(peer => peer.IpBlock!.Except)
                .Must(GatewayServiceRules.IsNetwork)
                .When(peer => peer.IpBlock is not null)
                .WithMessage($"must be {Patterns.CidrMeaning}");
            RuleForEach(peer => peer.IpBlock!.Except)
                .Must(static (peer, part) => IsWithin(part, peer.IpBlock!.Cidr))
                .When(peer => peer.IpBlock is not null)
                .WithMessage(static (peer, _) => $"must be a part of {peer.IpBlock!.Cidr}, and not all of it");
        }

        // What is no network has its own error.
        private static bool IsWithin(string part, string whole) =>
            !IPNetwork.TryParse(NetworkPolicyRenderer.Network(part), out var inner)
            || !IPNetwork.TryParse(NetworkPolicyRenderer.Network(whole), out var outer)
            || (inner.PrefixLength > outer.PrefixLength && outer.Contains(inner.BaseAddress));
    }
}
