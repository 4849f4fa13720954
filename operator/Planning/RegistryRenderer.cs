using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the registry: the gateways' config of it, and the Secrets they read at it.</summary>
internal static class RegistryRenderer
{
    public const string Volume = "registry";
    public const string Directory = "/etc/mooring-registry";
    private const string PasswordFile = "password";
    private const string CaFile = "ca.crt";

    /// <summary>Null where the fleet has none.</summary>
    public static RegistryConfig? Config(RegistrySpec? spec) =>
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
                    PasswordFile = spec.Redis.PasswordRef is null ? null : $"{Directory}/{PasswordFile}",
                    Tls = spec.Redis.Tls is { } tls
                        ? new RedisTlsConfig { CaFile = tls.CaRef is null ? null : $"{Directory}/{CaFile}", ServerName = tls.ServerName }
                        : null,
                },
            };

    /// <summary>Null where the fleet has no such limit.</summary>
    public static FleetCapacityConfig? Limit(GatewaySpec gateway) =>
        gateway.Capacity?.FleetConnections is { } connections
            ? new FleetCapacityConfig { Connections = connections, Gateways = Math.Max(1, gateway.Replicas) }
            : null;

    /// <summary>The volume with the Secrets' values; null where none is needed.</summary>
    public static Volume? Secrets(RegistrySpec? spec)
    {
        List<VolumeProjection> sources = [.. Source(spec?.Redis.PasswordRef, PasswordFile), .. Source(spec?.Redis.Tls?.CaRef, CaFile)];
        return sources.Count == 0
            ? null
            : new Volume
            {
                Name = Volume,
                Projected = new ProjectedVolumeSource { Sources = sources },
            };
    }

    private static IEnumerable<VolumeProjection> Source(SecretKeyReference? reference, string file) =>
        reference is null
            ? []
            :
            [
                new VolumeProjection
                {
                    Secret = new SecretProjection { Name = reference.Name, Items = [new KeyToPath { Key = reference.Key, Path = file }] },
                },
            ];
}
