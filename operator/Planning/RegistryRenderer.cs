using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the registry, as the gateways' config has it.</summary>
internal static class RegistryRenderer
{
    /// <summary>Null where the fleet has none.</summary>
    public static RegistryConfig? Config(RegistrySpec? spec, SecretPaths secrets) =>
        spec is null
            ? null
            : new RegistryConfig
            {
                Ttl = Duration.Parse(spec.Ttl),
                Redis = new RedisConfig
                {
                    Addresses = spec.Redis.Addresses,
                    SentinelMaster = spec.Redis.Sentinel?.MasterName,
                    Cluster = spec.Redis.Cluster,
                    PasswordFile = spec.Redis.PasswordRef is { } password ? secrets.File(password.Name, password.Key) : null,
                    Tls = spec.Redis.Tls is { } tls
                        ? new RedisTlsConfig
                        {
                            CaFile = tls.CaRef is { } authority ? secrets.File(authority.Name, authority.Key) : null,
                            ServerName = tls.ServerName,
                        }
                        : null,
                },
            };

    /// <summary>Null where the fleet has no such limit.</summary>
    public static FleetCapacityConfig? Limit(GatewaySpec gateway) =>
        gateway.Capacity?.FleetConnections is { } connections
            ? new FleetCapacityConfig { Connections = connections, Gateways = Math.Max(1, gateway.Replicas) }
            : null;
}
