using Mooring.Contracts.Stream;
using Mooring.Operator.Entities.Attributes;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.AdminApi;

[Description("A fleet's reverse tunnels: figures of all of them, and a page of those that the gateways describe.")]
internal sealed record TunnelsAnswer
{
    [Description("Open tunnels, whatever their state.")]
    public required long Open { get; init; }

    [Description("Tunnels that the serving gateways take at most.")]
    public required long Capacity { get; init; }

    [Description("Tunnels that were opened since the gateways started.")]
    public required long OpenedTotal { get; init; }

    [Description("Open tunnels by state: Connected, Degraded (the registry is away), Detached (the client is gone, its ports are kept).")]
    public required IReadOnlyDictionary<string, long> States { get; init; }

    [Description("Ended tunnels by how they ended: Closed, TimedOut, Moved (another gateway has it now).")]
    public required IReadOnlyDictionary<string, long> EndedTotal { get; init; }

    [Description("Tunnels that were not opened, by why, such as tenant_tunnels, gateway_tunnels, fleet_bandwidth, port_taken or registry.")]
    public required IReadOnlyDictionary<string, long> RefusedTotal { get; init; }

    [Description("What each tenant has in use, over all gateways.")]
    public required IReadOnlyList<TunnelTenantFigures> Tenants { get; init; }

    [Description("Open tunnels that the gateways' reports have no room for; each describes its newest.")]
    public required long NotDescribed { get; init; }

    [Description("This page, by gateway and tunnel.")]
    public required IReadOnlyList<TunnelDescription> Tunnels { get; init; }

    [Description("What to give as after for the next page; null: this is the last.")]
    public string? Next { get; init; }

    public static TunnelsAnswer Of(FleetView view, TunnelQuery query)
    {
        var gateways = view
            .Gateways.Select(static gateway => (gateway.Name, gateway.Report?.State, gateway.Report?.Tunnels))
            .Where(static gateway => gateway.Tunnels is not null)
            .Select(static gateway => (gateway.Name, gateway.State, Tunnels: gateway.Tunnels!))
            .ToList();
        var all = gateways
            .SelectMany(static gateway =>
                gateway.Tunnels.Tunnels.Take(TunnelsLoad.MaxTunnels).Select(tunnel => TunnelDescription.Of(gateway.Name, tunnel))
            )
            .Where(query.Takes)
            .OrderBy(static tunnel => tunnel.Id, StringComparer.Ordinal)
            .SkipWhile(tunnel => query.After is { } after && string.CompareOrdinal(tunnel.Id, after) <= 0)
            .Take(query.Limit + 1)
            .ToList();
        return new TunnelsAnswer
        {
            Open = gateways.Sum(static gateway => (long)gateway.Tunnels.Open),
            Capacity = gateways
                .Where(static gateway => gateway.State == GatewayState.Serving)
                .Sum(static gateway => (long)gateway.Tunnels.Capacity),
            OpenedTotal = gateways.Sum(static gateway => gateway.Tunnels.OpenedTotal),
            States = Sum(gateways.SelectMany(static one => one.Tunnels.States.Select(static pair => ($"{pair.Key}", (long)pair.Value)))),
            EndedTotal = Sum(gateways.SelectMany(static one => one.Tunnels.EndedTotal.Select(static pair => ($"{pair.Key}", pair.Value)))),
            RefusedTotal = Sum(gateways.SelectMany(static one => one.Tunnels.RefusedTotal.Select(static pair => (pair.Key, pair.Value)))),
            Tenants =
            [
                .. gateways
                    .SelectMany(static gateway => gateway.Tunnels.Tenants)
                    .GroupBy(static tenant => (tenant.Listener, tenant.Tenant))
                    .OrderBy(static group => group.Key)
                    .Select(static group => new TunnelTenantFigures(
                        group.Key.Listener,
                        group.Key.Tenant,
                        group.Sum(static tenant => (long)tenant.Tunnels),
                        group.Sum(static tenant => (long)tenant.Visitors)
                    )),
            ],
            NotDescribed = gateways.Sum(static gateway =>
                Math.Max(0L, gateway.Tunnels.Open - gateway.Tunnels.Tunnels.Count(static tunnel => !TunnelDescription.IsOver(tunnel.State)))
            ),
            Tunnels = [.. all.Take(query.Limit)],
            Next = all.Count > query.Limit ? all[query.Limit - 1].Id : null,
        };
    }

    private static Dictionary<string, long> Sum(IEnumerable<(string Key, long Count)> counts) =>
        counts
            .GroupBy(static one => one.Key, StringComparer.Ordinal)
            .OrderBy(static group => group.Key, StringComparer.Ordinal)
            .ToDictionary(static group => group.Key, static group => group.Sum(static one => one.Count), StringComparer.Ordinal);
}

[Description("What one tenant has in use.")]
internal sealed record TunnelTenantFigures(
    [property: Description("Name of the Tunnel listener.")] string Listener,
    [property: Description("Name of the tenant; empty: those without a token of their own.")] string Tenant,
    [property: Description("Open tunnels.")] long Tunnels,
    [property: Description("Visitors now.")] long Visitors
);

[Description("One tunnel, open or ended a while ago.")]
internal sealed record TunnelDescription
{
    [Description("gateway/name.")]
    public required string Id { get; init; }

    [Description("The gateway that owns it, or did when it ended.")]
    public required string Gateway { get; init; }

    [Description("What the client was told that it is called.")]
    public required string Name { get; init; }

    [Description("Name of the Tunnel listener.")]
    public required string Listener { get; init; }

    [Description("Name of the tenant; empty: without a token of its own.")]
    public required string Tenant { get; init; }

    [Description("Address of the client.")]
    public required string Client { get; init; }

    [Description("Public ports and names: tcp:20017, udp:20018, name:shop.example.com.")]
    public required IReadOnlyList<string> Ports { get; init; }

    [Description("Connected, Degraded or Detached; ended: Closed, TimedOut or Moved.")]
    public required TunnelState State { get; init; }

    [Description("Since when it is in this state.")]
    public required DateTimeOffset Since { get; init; }

    [Description("When it was opened on this gateway.")]
    public required DateTimeOffset Opened { get; init; }

    [Description("Visitors now.")]
    public required int Visitors { get; init; }

    [Description("Visitors so far.")]
    public required long VisitorsTotal { get; init; }

    [Description("Bytes from visitors.")]
    public required long ReceivedBytesTotal { get; init; }

    [Description("Bytes to visitors.")]
    public required long SentBytesTotal { get; init; }

    [Description("Its last moments with their reasons, oldest first; at most 16.")]
    public required IReadOnlyList<TunnelHistory> History { get; init; }

    public static bool IsOver(TunnelState state) => state is TunnelState.Closed or TunnelState.TimedOut or TunnelState.Moved;

    public static TunnelDescription Of(string gateway, TunnelLoad tunnel) =>
        new()
        {
            Id = $"{gateway}/{tunnel.Name}",
            Gateway = gateway,
            Name = tunnel.Name,
            Listener = tunnel.Listener,
            Tenant = tunnel.Tenant,
            Client = tunnel.Client,
            Ports = tunnel.Ports,
            State = tunnel.State,
            Since = tunnel.Since,
            Opened = tunnel.Opened,
            Visitors = tunnel.Visitors,
            VisitorsTotal = tunnel.VisitorsTotal,
            ReceivedBytesTotal = tunnel.ReceivedBytesTotal,
            SentBytesTotal = tunnel.SentBytesTotal,
            History = [.. tunnel.History.Select(static moment => new TunnelHistory(moment.At, moment.State, moment.Reason))],
        };
}

[Description("A moment in a tunnel's life.")]
internal sealed record TunnelHistory(
    [property: Description("When.")] DateTimeOffset At,
    [property: Description("The state from then on.")] TunnelState State,
    [property: Description("Why; empty for what needs no reason.")] string Reason
);
