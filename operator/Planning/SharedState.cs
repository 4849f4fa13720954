using Mooring.Contracts.Configuration;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>What several gateways of a fleet need a registry for. Pure.</summary>
internal static class SharedState
{
    /// <summary>Whether there are several gateways, or the load may make them several.</summary>
    public static bool MayBeSeveral(FleetSpec spec, int replicas) => replicas > 1 || spec.Scaling is { Driver: not null, MaxReplicas: > 1 };

    /// <summary>What goes wrong where several gateways have no registry; empty: nothing. A limit of the fleet's connections is divided evenly, and is not among it.</summary>
    public static IReadOnlyList<string> Lacks(GatewayConfig config)
    {
        var lacks = new List<string>();
        if (config.Listeners.Any(static listener => listener.Protocol == ListenerProtocol.Tunnel))
        {
            lacks.Add("a tunnel works only where its connections happen to reach the same gateway");
        }

        if (config.Listeners.Any(static listener => listener.WebSocket is { Mode: WebSocketMode.Hub }))
        {
            lacks.Add("each gateway has channels of a Hub for itself, and what is published at one is not heard at the others");
        }

        if (
            config.Capacity is { PerUser: > 0 } or { PerDevice: > 0 }
            && config.Listeners.Any(static listener => listener.WebSocket?.Identity is not null)
        )
        {
            lacks.Add("capacity.perUser and perDevice are of each gateway by itself");
        }

        return lacks;
    }
}
