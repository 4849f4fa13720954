using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Registry.Redis;

namespace Mooring.Gateway.Configuration;

/// <summary>The registry's part of <see cref="ConfigCompiler"/>. Pure.</summary>
internal static class RegistryCompiler
{
    private const int MaxAddresses = 16;
    private const int MaxText = 4096;

    public static void Check(GatewayConfig config, ErrorList errors)
    {
        if (config.Capacity.Fleet is { } fleet)
        {
            errors.Range("capacity.fleet.connections", fleet.Connections, 1, 1_000_000_000);
            errors.Range("capacity.fleet.gateways", fleet.Gateways, 1, 10_000);
        }

        if (config.Registry is { } registry)
        {
            errors.Range("registry.ttl", registry.Ttl, TimeSpan.FromSeconds(5), TimeSpan.FromHours(1));
            if (registry.Redis is { } redis)
            {
                Compile(redis, "registry.redis.", errors);
            }
        }
    }

    /// <summary>Null, and why not, where it is not good.</summary>
    /// <param name="redis">The input; any of its members may be wrong.</param>
    /// <param name="prefix">Of each error's path.</param>
    /// <param name="errors">Where they go.</param>
    public static RedisSettings? Compile(RedisConfig redis, string prefix, ErrorList errors)
    {
        var before = errors.Count;
        var addresses = new List<DnsEndPoint>();
        if (redis.Addresses.Count is 0 or > MaxAddresses)
        {
            errors.Add($"{prefix}addresses", $"has {redis.Addresses.Count} items; must have 1 to {MaxAddresses}");
            return null;
        }

        for (var i = 0; i < redis.Addresses.Count; i++)
        {
            if (redis.Addresses[i] is not { } text)
            {
                errors.Add($"{prefix}addresses[{i}]", "is null");
            }
            else if (text.Contains("://", StringComparison.Ordinal) || text.Contains('@', StringComparison.Ordinal))
            {
                // Not quoted: there may be a password in it.
                errors.Add(
                    $"{prefix}addresses[{i}]",
                    "is a URL; must be host:port. Users of an ACL are not supported, only the default user's password"
                );
            }
            else if (BackendCompiler.ParseAddress(text, 1, out var error) is { } address)
            {
                addresses.Add(new DnsEndPoint(address.Host, address.Port));
            }
            else
            {
                errors.Add($"{prefix}addresses[{i}]", error!);
            }
        }

        if (redis.SentinelMaster is { } master && (master.Length is 0 or > 253 || master.Any(c => c <= ' ' || c > '~')))
        {
            errors.Add($"{prefix}sentinelMaster", "must be 1 to 253 printable ASCII characters");
        }

        if (redis.SentinelMaster is not null && redis.Cluster)
        {
            errors.Add($"{prefix}cluster", "cannot be together with sentinelMaster");
        }

        Path($"{prefix}passwordFile", redis.PasswordFile, errors);
        Path($"{prefix}tls.caFile", redis.Tls?.CaFile, errors);
        if (redis.Tls?.ServerName is { } name && Uri.CheckHostName(name) is UriHostNameType.Unknown)
        {
            errors.Add($"{prefix}tls.serverName", $"'{name}' is not a host name");
        }

        return errors.Count > before
            ? null
            : new RedisSettings
            {
                Addresses = addresses,
                SentinelMaster = redis.SentinelMaster,
                Cluster = redis.Cluster,
                PasswordFile = redis.PasswordFile,
                Tls = redis.Tls is { } tls ? new RedisTls(tls.CaFile, tls.ServerName) : null,
            };
    }

    private static void Path(string path, string? value, ErrorList errors)
    {
        if (value is { Length: 0 or > MaxText })
        {
            errors.Add(path, $"must have 1 to {MaxText} characters");
        }
    }
}
