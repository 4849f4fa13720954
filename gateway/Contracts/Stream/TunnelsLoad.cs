using System.Text.Json.Serialization;

namespace Mooring.Contracts.Stream;

/// <summary>How a tunnel fares.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TunnelState>))]
public enum TunnelState
{
    /// <summary>Its client is there.</summary>
    Connected,

    /// <summary>Its client is there, but the registry is not: other gateways may not find it.</summary>
    Degraded,

    /// <summary>Its client is gone, and its ports are kept for a while.</summary>
    Detached,

    /// <summary>Ended: its client did not come back in time.</summary>
    TimedOut,

    /// <summary>Ended: its client went, or was sent away.</summary>
    Closed,

    /// <summary>Ended: another gateway has it now.</summary>
    Moved,
}

/// <summary>The tunnels of one gateway. Totals count from the process's start.</summary>
public sealed record TunnelsLoad
{
    /// <summary>Tunnels that are described at most: the newest of the open ones, and the last that ended.</summary>
    public const int MaxTunnels = 200;

    /// <summary>Of which so many are left for ended ones, however many are open.</summary>
    public const int MinEnded = 50;

    /// <summary>Open ones.</summary>
    public int Open { get; init; }

    /// <summary>Tunnels that this gateway takes at most.</summary>
    public int Capacity { get; init; }

    public long OpenedTotal { get; init; }

    /// <summary>Open ones by state.</summary>
    public IReadOnlyDictionary<TunnelState, int> States { get; set; } = new Dictionary<TunnelState, int>();

    /// <summary>Ended ones by the state that they ended in.</summary>
    public IReadOnlyDictionary<TunnelState, long> EndedTotal { get; set; } = new Dictionary<TunnelState, long>();

    /// <summary>Tunnels that were not opened, by why (<c>tenant_tunnels</c>, <c>gateway_tunnels</c>, <c>port_taken</c>, <c>registry</c>, …).</summary>
    public IReadOnlyDictionary<string, long> RefusedTotal { get; set; } = new Dictionary<string, long>();

    /// <summary>Public ports of other gateways' tunnels that this one listens on.</summary>
    public int ForeignPorts { get; init; }

    /// <summary>What each tenant has in use here.</summary>
    public IReadOnlyList<TunnelTenantLoad> Tenants { get; set; } = [];

    /// <summary>At most <see cref="MaxTunnels"/>.</summary>
    public IReadOnlyList<TunnelLoad> Tunnels { get; set; } = [];
}

/// <summary>What one tenant has in use on one gateway.</summary>
public sealed record TunnelTenantLoad
{
    public required string Listener { get; init; }

    /// <summary>Empty: those without a token of their own.</summary>
    public required string Tenant { get; init; }

    public int Tunnels { get; init; }

    public int Visitors { get; init; }
}

/// <summary>One tunnel.</summary>
public sealed record TunnelLoad
{
    /// <summary>What people call it.</summary>
    public required string Name { get; init; }

    public required string Listener { get; init; }

    public required string Tenant { get; init; }

    /// <summary>The client's address.</summary>
    public required string Client { get; init; }

    /// <summary>Its public ports and names: <c>tcp:20017</c>, <c>udp:20018</c>, <c>name:shop.example.com</c>. At most 64.</summary>
    public IReadOnlyList<string> Ports { get; set; } = [];

    public TunnelState State { get; init; }

    public DateTimeOffset Since { get; init; }

    public DateTimeOffset Opened { get; init; }

    /// <summary>Now.</summary>
    public int Visitors { get; init; }

    public long VisitorsTotal { get; init; }

    /// <summary>From visitors, so far.</summary>
    public long ReceivedBytesTotal { get; init; }

    /// <summary>To visitors, so far.</summary>
    public long SentBytesTotal { get; init; }

    /// <summary>The last moments, oldest first; at most 16.</summary>
    public IReadOnlyList<TunnelMoment> History { get; set; } = [];
}

/// <summary>A moment in a tunnel's life.</summary>
public sealed record TunnelMoment
{
    public DateTimeOffset At { get; init; }

    public TunnelState State { get; init; }

    public string Reason { get; set; } = "";
}
