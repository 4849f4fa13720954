using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Configuration;

/// <summary>A config that was checked, in the form the engine works with. Immutable.</summary>
internal sealed record GatewaySnapshot
{
    public required GatewayConfig Config { get; init; }

    /// <summary><see cref="Contracts.ContractsJson.Hash(GatewayConfig)"/> of <see cref="Config"/>.</summary>
    public required string Hash { get; init; }

    /// <summary>Connections this gateway takes at most; <see cref="CapacityPlanner"/> decides.</summary>
    public int Capacity { get; init; }

    /// <summary>What <see cref="Capacity"/> follows from.</summary>
    public CapacityBound CapacityBound { get; init; }

    /// <summary><see cref="Capacity"/> less the reserve: at this many, new connections are refused.</summary>
    public int AdmitUpTo { get; init; }

    /// <summary>0: no limit.</summary>
    public required int PerAddress { get; init; }

    /// <summary>WebSockets of one user in the fleet; 0: no limit.</summary>
    public int PerUser { get; init; }

    /// <summary>The same of one device.</summary>
    public int PerDevice { get; init; }

    /// <summary>Null: no limit.</summary>
    public required PrefixLimit? PerPrefix { get; init; }

    /// <summary>New connections by client address.</summary>
    public required RateLimit NewPerAddress { get; init; }

    public required IReadOnlyList<ListenerSnapshot> Listeners { get; init; }

    public required IReadOnlyList<BackendSnapshot> Backends { get; init; }
}

internal sealed record ListenerSnapshot
{
    public required string Name { get; init; }

    public required ListenerProtocol Protocol { get; init; }

    /// <summary>Port that clients use.</summary>
    public required int Port { get; init; }

    public required int BindPort { get; init; }

    /// <summary>Null only on a WebSocket listener whose routes name the backends.</summary>
    public required string? Backend { get; init; }

    /// <summary>0: only the gateway's limit.</summary>
    public required int MaxConnections { get; init; }

    public required BalancingPolicy Balancing { get; init; }

    /// <summary>Every way in which endpoints may be chosen for its connections.</summary>
    public IEnumerable<BalancingPolicy> Policies =>
        WebSocket?.Affinity is { Type: not AffinityType.Cookie } ? [Balancing, BalancingPolicy.ConsistentHash] : [Balancing];

    /// <summary>In ticks of <see cref="TimerWheel"/>; 0: never.</summary>
    public required uint IdleTicks { get; init; }

    /// <summary>In ticks of <see cref="TimerWheel"/>.</summary>
    public required uint HandshakeTicks { get; init; }

    /// <summary>Null: without end.</summary>
    public LifetimeLimits? Lifetime { get; init; }

    /// <summary>Of the sockets to clients.</summary>
    public required TcpSocketOptions Socket { get; init; }

    /// <summary>Of a UDP listener.</summary>
    public required UdpListenerConfig? Udp { get; init; }

    /// <summary>Of a WebSocket listener.</summary>
    public required WebSocketListenerConfig? WebSocket { get; init; }

    /// <summary>Of a WebSocket listener in Hub mode.</summary>
    public HubOptions? Hub { get; init; }

    /// <summary>Of a WebSocket listener; else <see cref="WebSocketFeatures.None"/>.</summary>
    public WebSocketFeatures Features { get; init; } = WebSocketFeatures.None;

    /// <summary>Null: no PROXY headers are taken.</summary>
    public required ProxySnapshot? Proxy { get; init; }

    public TlsListenerConfig? Tls { get; init; }

    /// <summary>Of a Tunnel listener.</summary>
    public TunnelListenerConfig? Tunnel { get; init; }

    public required LimitsSnapshot Limits { get; init; }

    /// <summary>Every backend that a connection of this listener may go to.</summary>
    public IEnumerable<string> BackendNames =>
        (WebSocket?.Routes.Select(route => route.Backend) ?? [])
            .Concat(Tls?.Routes.Select(route => route.Backend) ?? [])
            .Concat(Backend is null ? [] : [Backend])
            .Distinct();
}

internal sealed record BackendSnapshot
{
    /// <summary>Stands in before the first config.</summary>
    public static readonly BackendSnapshot Missing = new()
    {
        Name = "",
        Source = EndpointSource.Static,
        Addresses = [],
        DnsName = null,
        DnsPort = 0,
        MaxConnectionsPerEndpoint = 0,
        ConnectTicks = 1,
        MaxFails = 0,
        FailTimeoutMicroseconds = 0,
    };

    public required string Name { get; init; }

    public required EndpointSource Source { get; init; }

    public required IReadOnlyList<StaticAddress> Addresses { get; init; }

    public required string? DnsName { get; init; }

    public required int DnsPort { get; init; }

    /// <summary>0: no limit.</summary>
    public required int MaxConnectionsPerEndpoint { get; init; }

    /// <summary>In ticks of <see cref="TimerWheel"/>.</summary>
    public required uint ConnectTicks { get; init; }

    /// <summary>0: never out.</summary>
    public required int MaxFails { get; init; }

    public required long FailTimeoutMicroseconds { get; init; }

    /// <summary>Null: no PROXY headers are sent.</summary>
    public ProxyOutSnapshot? ProxyOut { get; init; }

    public BackendFeatures Features { get; init; } = BackendFeatures.None;

    public BackendTlsConfig? Tls { get; init; }

    /// <summary>It is there for the connections that it has: no listener and no other backend leads to it, and only pushes say where it is. It gets nobody new.</summary>
    public bool IsLeaving { get; init; }

    /// <summary>What holds from now on. One that is leaving need not say how its endpoints are spoken to: connects under way go on as they were begun.</summary>
    public BackendSnapshot After(BackendSnapshot before) =>
        IsLeaving ? this with { ProxyOut = ProxyOut ?? before.ProxyOut, DnsName = before.DnsName, DnsPort = before.DnsPort } : this;

    /// <summary>Who an endpoint's certificate must be for where <see cref="Tls"/> does not say.</summary>
    public string TlsHost(Backends.ResolvedEndpoint endpoint) =>
        Addresses.FirstOrDefault(address => address.Text == endpoint.Id)?.Host ?? DnsName ?? endpoint.Address.ToString();
}

/// <param name="Text">As configured: the endpoint's id.</param>
/// <param name="Host">IP address or host name.</param>
/// <param name="Port">1 to 65535.</param>
/// <param name="Weight">1 to 256.</param>
/// <param name="Backup">Used only while no other can be.</param>
internal sealed record StaticAddress(string Text, string Host, int Port, int Weight, bool Backup = false);
