namespace Mooring.Contracts.Configuration;

/// <summary>Settings of a Tunnel listener: where tunnels are opened (<see cref="PortRange"/>), or where their visitors come by name (<see cref="VisitorsOf"/>).</summary>
public sealed record TunnelListenerConfig
{
    /// <summary>Public ports that tunnels get. Null only where <see cref="VisitorsOf"/> is set.</summary>
    public PortRangeConfig? PortRange { get; init; }

    /// <summary>
    /// Name of a Tunnel listener of the same config: this one takes no tunnels but visitors of that one's tunnels, which it finds by the server
    /// name of TLS or the Host of HTTP. Null: tunnels are opened here.
    /// </summary>
    public string? VisitorsOf { get; init; }

    /// <summary>File with the secret that clients prove to have, read again when it changes; null: none is asked for, but for a tenant's token.</summary>
    public string? SecretFile { get; init; }

    /// <summary>Who may open tunnels with a token of their own; at most 64. Without a secret and without tenants everybody may.</summary>
    public IReadOnlyList<TunnelTenantConfig> Tenants { get; set; } = [];

    /// <summary>DNS name under which tunnels may have names, such as <c>tunnels.example.com</c>; null: tunnels have ports alone.</summary>
    public string? Domain { get; init; }

    /// <summary>Tunnels may have UDP ports too.</summary>
    public bool Udp { get; init; }

    /// <summary>How long the ports of a client that is gone without a word are kept for it, where it can come back for them. 0 to 10 min; default 30 s.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a visitor waits for the client's data connection. 100 ms to 60 s; default 10 s.</summary>
    public TimeSpan VisitorTimeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Ports from the first to the last.</summary>
public sealed record PortRangeConfig
{
    /// <summary>1024 to 65535.</summary>
    public required int Start { get; init; }

    /// <summary>Start to 65535.</summary>
    public required int End { get; init; }
}

/// <summary>One of those who may open tunnels. Its limits hold on each gateway by itself.</summary>
public sealed record TunnelTenantConfig
{
    /// <summary>DNS label, unique in the listener.</summary>
    public required string Name { get; init; }

    /// <summary>File with its token, read again when it changes.</summary>
    public required string TokenFile { get; init; }

    /// <summary>Tunnels at most at a time. 0: only the gateway's limit.</summary>
    public int MaxTunnels { get; init; }

    /// <summary>Visitors at most at a time, over all its tunnels. 0: only the gateway's limit.</summary>
    public int MaxConnections { get; init; }

    /// <summary>Bits per second of each of its tunnels in each direction; 0: as the gateway's capacity says.</summary>
    public long BandwidthBitsPerSecond { get; init; }

    /// <summary>The part of the listener's range that it may use; null: all of it.</summary>
    public PortRangeConfig? PortRange { get; init; }
}

/// <summary>How many tunnels a gateway carries, and how much of each.</summary>
public sealed record TunnelCapacityConfig
{
    /// <summary>Tunnels at most on one gateway. 1 to 100,000; default 100.</summary>
    public int MaxTunnels { get; set; } = 100;

    /// <summary>Bits per second of one tunnel in each direction. 0: no limit; default 100,000,000.</summary>
    public long MaxBandwidthBitsPerSecond { get; set; } = 100_000_000;

    /// <summary>Bits per second that the whole fleet is there for: a tunnel is opened while less than this, less the reserve, is moved. 0: no limit; default 0.</summary>
    public long TotalBandwidthBitsPerSecond { get; init; }
}
