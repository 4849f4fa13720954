using Mooring.Gateway.Registry.Redis;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>How Redis is reached. Immutable; checked.</summary>
internal sealed record RespSettings
{
    /// <summary>Servers of which one is the master, Sentinels, or nodes of a cluster; at least one.</summary>
    public required IReadOnlyList<RespEndpoint> Addresses { get; init; }

    /// <summary>Name of the master that the addresses, being Sentinels, watch over; null: they are servers.</summary>
    public string? SentinelMaster { get; init; }

    /// <summary>The addresses are nodes of a Redis Cluster.</summary>
    public bool Cluster { get; init; }

    /// <summary>User of the ACL; null: the default one.</summary>
    public string? Username { get; init; }

    /// <summary>Asked for at each connect, so that it may change; gives null where there is none.</summary>
    public required Func<CancellationToken, Task<string?>> Password { get; init; }

    /// <summary>Null: no TLS.</summary>
    public RedisTls? Tls { get; init; }

    /// <summary>What a server is to know before it is called, so that no script has to be sent whole, behind those that were called after it.</summary>
    public IReadOnlyList<RespScript> Scripts { get; init; } = [];

    public RespLimits Limits { get; init; } = RespLimits.Default;

    /// <summary>The registry's Redis.</summary>
    public static RespSettings Of(RedisSettings redis) =>
        new()
        {
            Addresses = [.. redis.Addresses.Select(address => new RespEndpoint(address.Host, address.Port))],
            SentinelMaster = redis.SentinelMaster,
            Cluster = redis.Cluster,
            Password = redis.ReadPasswordAsync,
            Tls = redis.Tls,
        };

    // A record prints its members.
    public override string ToString() => string.Join(",", Addresses);
}
