using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Dashboard;

/// <summary>A fleet's reverse tunnels as people look at them. All of them are in the admin API.</summary>
public sealed record TunnelsOverview
{
    /// <summary>Tunnels that are shown one by one: the newest of what each gateway describes.</summary>
    public const int MaxNewest = 20;

    /// <summary>Open ones, whatever their state.</summary>
    public required long Open { get; init; }

    /// <summary>Tunnels that the serving gateways take at most.</summary>
    public required long Capacity { get; init; }

    /// <summary>Open ones by state: Connected, Degraded, Detached.</summary>
    public required IReadOnlyDictionary<string, long> States { get; init; }

    public required IReadOnlyList<TunnelListenerOverview> Listeners { get; init; }

    /// <summary>Open ones, the newest first; at most <see cref="MaxNewest"/>.</summary>
    public required IReadOnlyList<TunnelOverview> Newest { get; init; }

    /// <summary>Null where no gateway has a Tunnel listener.</summary>
    public static TunnelsOverview? Of(FleetView view)
    {
        var loads = view
            .Gateways.Where(static gateway => gateway.Report?.Tunnels is not null)
            .Select(static gateway => (gateway.Name, gateway.Report!.State, Tunnels: gateway.Report.Tunnels!))
            .ToList();
        return loads.Count == 0
            ? null
            : new TunnelsOverview
            {
                Open = loads.Sum(static load => (long)load.Tunnels.Open),
                Capacity = loads.Where(static load => load.State == GatewayState.Serving).Sum(static load => (long)load.Tunnels.Capacity),
                States = loads
                    .SelectMany(static load => load.Tunnels.States)
                    .GroupBy(static state => state.Key)
                    .OrderBy(static states => states.Key)
                    .ToDictionary(static states => states.Key.ToString(), static states => states.Sum(static state => (long)state.Value)),
                Listeners =
                [
                    .. loads
                        .SelectMany(static load => load.Tunnels.Tenants)
                        .GroupBy(static tenant => tenant.Listener, StringComparer.Ordinal)
                        .OrderBy(static tenants => tenants.Key, StringComparer.Ordinal)
                        .Select(static tenants => new TunnelListenerOverview(
                            tenants.Key,
                            tenants.Sum(static tenant => (long)tenant.Tunnels),
                            tenants.Sum(static tenant => (long)tenant.Visitors)
                        )),
                ],
                Newest =
                [
                    .. loads
                        .SelectMany(static load => load.Tunnels.Tunnels.Select(tunnel => (Gateway: load.Name, Tunnel: tunnel)))
                        .Where(static one => one.Tunnel.State is TunnelState.Connected or TunnelState.Degraded or TunnelState.Detached)
                        .OrderByDescending(static one => one.Tunnel.Opened)
                        .Take(MaxNewest)
                        .Select(static one => new TunnelOverview(
                            one.Tunnel.Name,
                            one.Tunnel.Listener,
                            one.Tunnel.Tenant,
                            string.Join(' ', one.Tunnel.Ports),
                            one.Tunnel.Client,
                            one.Gateway,
                            one.Tunnel.State.ToString(),
                            one.Tunnel.Since,
                            one.Tunnel.Visitors
                        )),
                ],
            };
    }
}

/// <param name="Name">Of the listener.</param>
/// <param name="Open">Open tunnels.</param>
/// <param name="Visitors">Visitors of them now.</param>
public sealed record TunnelListenerOverview(string Name, long Open, long Visitors);

/// <param name="Name">What people call it.</param>
/// <param name="Listener">Where its client came.</param>
/// <param name="Tenant">Empty: nobody's token.</param>
/// <param name="Ports">Such as <c>tcp:20017 name:shop.example.com</c>.</param>
/// <param name="Client">The client's address.</param>
/// <param name="Gateway">Whose it is.</param>
/// <param name="State">Connected, Degraded or Detached.</param>
/// <param name="Since">It has been so.</param>
/// <param name="Visitors">Now.</param>
public sealed record TunnelOverview(
    string Name,
    string Listener,
    string Tenant,
    string Ports,
    string Client,
    string Gateway,
    string State,
    DateTimeOffset Since,
    int Visitors
);
