using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;

namespace Mooring.Gateway.Tunnels;

/// <summary>The registry as tunnels see it at one moment. Immutable.</summary>
/// <param name="Registry">Where claims go.</param>
/// <param name="Gateway">This gateway there; generation 0: it is not registered.</param>
/// <param name="Ttl">Time to live of what it owns.</param>
/// <param name="Problem">Why the registry cannot be asked at present; null: it can.</param>
/// <param name="Gateways">Every gateway that is there, as far as is known.</param>
/// <param name="ReservedPercent">Share of the capacity that is kept free.</param>
/// <param name="IsStale">What is known of the gateways is too old to decide by.</param>
internal sealed record TunnelRegistry(
    IFleetRegistry Registry,
    GatewayId Gateway,
    TimeSpan Ttl,
    string? Problem,
    IReadOnlyList<GatewayRecord> Gateways,
    int ReservedPercent,
    bool IsStale
)
{
    /// <summary>Other gateways see it too.</summary>
    public bool IsShared { get; init; }

    /// <summary>For so long after the registry has begun to remember, owners may not have said again what is theirs.</summary>
    public TimeSpan Settle { get; init; }

    /// <summary>A registry of this process's own, for a gateway that has no other.</summary>
    public static async Task<TunnelRegistry> LocalAsync(TimeProvider time)
    {
        var registry = new MemoryRegistry(time);
        var record = new GatewayRecord
        {
            Name = "local",
            State = GatewayState.Serving,
            Capacity = 1,
        };
        var ttl = TimeSpan.FromDays(1000);
        var answer = await registry.RegisterAsync(record, ttl, replace: true);
        return new TunnelRegistry(registry, new GatewayId("local", answer.Generation), ttl, null, [record], 0, IsStale: false);
    }
}
