using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Tuning;

namespace Mooring.Operator.Planning;

/// <summary>Renders what may reach the fleet's pods: a policy for gateways, one for each workload, and one for what tunes nodes.</summary>
/// <remarks>Probes come from the node, which no NetworkPolicy keeps out. Nothing is said of what goes out: backends may be anywhere.</remarks>
internal static class NetworkPolicyRenderer
{
    private static readonly List<string> Ingress = ["Ingress"];

    public static IEnumerable<NetworkPolicy> Render(ConnectionFleet fleet, GatewayConfig config, NodeTuningPlan tuning)
    {
        if (fleet.Spec.Gateway.NetworkPolicy.Mode != "Managed")
        {
            yield break;
        }

        var name = fleet.Metadata.Name!;
        yield return Policy(
            fleet,
            ResourceNames.Gateway(name),
            ResourceLabels.ForGateway(name),
            ResourceLabels.GatewayMatch(name),
            [.. Rules(fleet.Spec.Gateway.NetworkPolicy, config), .. TunnelRenderer.Rules(name, config)]
        );
        foreach (var backend in fleet.Spec.Backends.Where(static backend => backend.Workload is not null))
        {
            yield return Policy(
                fleet,
                ResourceNames.Backend(name, backend.Name),
                ResourceLabels.ForBackend(name, backend.Name),
                ResourceLabels.BackendMatch(name, backend.Name),
                [FromGateways(name, backend, BackendTransport.Of(fleet.Spec, backend.Name))]
            );
        }

        if (tuning.HasTuners)
        {
            yield return Policy(fleet, ResourceNames.Tuner(name), ResourceLabels.ForTuner(name), ResourceLabels.TunerMatch(name), null);
        }
    }

    private static List<NetworkPolicyIngressRule> Rules(FleetNetworkPolicySpec spec, GatewayConfig config)
    {
        var rules = new List<NetworkPolicyIngressRule>
        {
            new()
            {
                Ports = config
                    .Listeners.Select(static listener =>
                        Port(listener.Protocol == ListenerProtocol.UDP ? "UDP" : "TCP", BindPorts.Of(listener))
                    )
                    .ToList(),
            },
        };
        // An empty list of peers would let everybody in.
        if (spec.MetricsFrom.Count > 0)
        {
            rules.Add(
                new NetworkPolicyIngressRule { Ports = [Port("TCP", BindPorts.Admin)], From = spec.MetricsFrom.Select(Peer).ToList() }
            );
        }

        return rules;
    }

    private static NetworkPolicyIngressRule FromGateways(string fleet, BackendSpec backend, BackendTransport transport)
    {
        var port = backend.Workload!.Port;
        // Active checks are made by the gateways, by TCP, and may have a port of their own.
        var check = backend.Health?.Active?.Port is { } own && !(transport.Tcp && own == port) ? own : (int?)null;
        return new NetworkPolicyIngressRule
        {
            Ports =
            [
                .. transport.Tcp ? Ports("TCP", port, BackendTransport.TcpPort) : [],
                .. transport.Udp ? Ports("UDP", port, BackendTransport.UdpPort) : [],
                .. check is { } checks ? [Port("TCP", checks)] : Array.Empty<NetworkPolicyPort>(),
            ],
            From = [new NetworkPolicyPeer { PodSelector = new LabelSelector { MatchLabels = ResourceLabels.GatewayMatch(fleet) } }],
        };
    }

    private static NetworkPolicyPeer Peer(NetworkPeerSpec spec) =>
        new()
        {
            NamespaceSelector = Selector(spec.NamespaceSelector),
            PodSelector = Selector(spec.PodSelector),
            IpBlock = spec.IpBlock is { } block
                ? new IpBlock
                {
                    Cidr = Network(block.Cidr),
                    Except = block.Except.Count == 0 ? null : block.Except.Select(Network).ToList(),
                }
                : null,
        };

    private static LabelSelector? Selector(MatchLabelsSpec? spec) =>
        spec is null
            ? null
            : new LabelSelector { MatchLabels = spec.MatchLabels is { Count: > 0 } labels ? ObjectMetadata.Ordered(labels) : null };

    /// <summary>As the API server wants it: an address alone is a network of one.</summary>
    internal static string Network(string text) =>
        text.Contains('/', StringComparison.Ordinal) ? text
        : text.Contains(':', StringComparison.Ordinal) ? text + "/128"
        : text + "/32";

    /// <summary>By the name too, which lets the pods of before a change of the port be reached where they listen; and by the number, since not every network plugin knows names.</summary>
    private static NetworkPolicyPort[] Ports(string protocol, int port, string name) =>
        [Port(protocol, port), new NetworkPolicyPort { Protocol = protocol, Port = name }];

    private static NetworkPolicyPort Port(string protocol, int port) => new() { Protocol = protocol, Port = port };

    private static NetworkPolicy Policy(
        ConnectionFleet fleet,
        string name,
        Dictionary<string, string> labels,
        Dictionary<string, string> match,
        List<NetworkPolicyIngressRule>? rules
    ) =>
        new()
        {
            Metadata = ObjectMetadata.For(fleet, name, labels),
            Spec = new NetworkPolicySpec
            {
                PodSelector = new LabelSelector { MatchLabels = match },
                PolicyTypes = Ingress,
                Ingress = rules,
            },
        };
}
