using Mooring.Contracts.Configuration;
using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>Makes the brokers of Hub listeners.</summary>
/// <param name="Key">Tells one way of making them from another: by config.</param>
/// <param name="Create">Makes one for a config and a listener's name.</param>
internal sealed record HubBrokers(Func<GatewayConfig, string> Key, Func<GatewayConfig, string, IHubBroker> Create)
{
    /// <summary>Each listener's in this process's memory.</summary>
    public static HubBrokers InMemory(TimeProvider time) => new(static _ => "", (_, _) => new MemoryBroker(time));
}
