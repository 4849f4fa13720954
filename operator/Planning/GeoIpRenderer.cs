using Mooring.Contracts.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Where the gateways find the country database.</summary>
internal static class GeoIpRenderer
{
    private const string Directory = "/etc/mooring-geoip";
    private const string Name = "geoip";

    public static GeoConfig? Render(ObservabilitySpec? spec) =>
        spec?.Geoip switch
        {
            { DatabasePath: { } path } => new GeoConfig { DatabasePath = path },
            { ConfigMapRef: { } reference } => new GeoConfig { DatabasePath = $"{Directory}/{reference.Key}" },
            _ => null,
        };

    /// <summary>Optional, so that a missing ConfigMap means unknown countries and not gateways that do not start.</summary>
    public static IEnumerable<Volume> Volumes(ObservabilitySpec? spec) =>
        spec?.Geoip?.ConfigMapRef is { } reference
            ?
            [
                new Volume
                {
                    Name = Name,
                    ConfigMap = new ConfigMapVolumeSource { Name = reference.Name, Optional = true },
                },
            ]
            : [];

    public static IEnumerable<VolumeMount> Mounts(ObservabilitySpec? spec) =>
        spec?.Geoip?.ConfigMapRef is null
            ? []
            :
            [
                new VolumeMount
                {
                    Name = Name,
                    MountPath = Directory,
                    ReadOnly = true,
                },
            ];
}
