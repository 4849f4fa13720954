namespace Mooring.Contracts.Configuration;

/// <summary>Where the gateways of a fleet keep the state that they share.</summary>
public sealed record RegistryConfig
{
    /// <summary>Null: in each gateway's own memory, which makes one fleet only of a single gateway.</summary>
    public RedisConfig? Redis { get; init; }

    /// <summary>A gateway that is not heard of for so long is gone. 5 s to 1 h; default 60 s.</summary>
    public TimeSpan Ttl { get; set; } = TimeSpan.FromSeconds(60);
}

/// <summary>How Redis is reached: one server, Sentinels, or a cluster.</summary>
public sealed record RedisConfig
{
    /// <summary>1 to 16 of <c>host:port</c>. Several are Sentinels or nodes of a cluster, or else one server and its replicas.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>The addresses are Sentinels, and this is the master's name there; null: they are not.</summary>
    public string? SentinelMaster { get; init; }

    /// <summary>The addresses are nodes of a Redis Cluster.</summary>
    public bool Cluster { get; init; }

    /// <summary>File with the password of the default user, read at each connect; null: none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Null: no TLS.</summary>
    public RedisTlsConfig? Tls { get; init; }
}

/// <summary>TLS 1.2 or 1.3 to Redis.</summary>
public sealed record RedisTlsConfig
{
    /// <summary>PEM certificates that the server's must chain to; null: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>Name in the server's certificate; null: the address's host.</summary>
    public string? ServerName { get; init; }
}

/// <summary>What all gateways of a fleet take together.</summary>
public sealed record FleetCapacityConfig
{
    /// <summary>Client connections at most, on all gateways together. 1 to 1,000,000,000.</summary>
    public required int Connections { get; init; }

    /// <summary>Gateways that the fleet is to have: without a registry, or while it is away, each takes its even part. 1 to 10,000; default 1.</summary>
    public int Gateways { get; set; } = 1;
}
