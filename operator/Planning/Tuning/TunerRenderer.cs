using System.Globalization;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>Renders what tunes the nodes: a ServiceAccount without permissions, and a DaemonSet, which is the one privileged part of a fleet.</summary>
/// <remarks>
/// Not on the host's network: hostPID and setns(2) reach its settings, and the pod keeps the cluster's DNS and network policies. The wanted settings are
/// not in the template, so that changing them restarts no tuner.
/// </remarks>
internal static class TunerRenderer
{
    /// <summary>Annotation of the DaemonSet: since when its nodes are being put back as they were. It outlives a change of leader.</summary>
    public const string RestoringSince = "mooring.dev/restoring-since";

    private const string StateDirectory = "/var/lib/mooring";
    private const string ConfigDirectory = "/etc/mooring";
    private const string TokenDirectory = "/var/run/secrets/mooring";

    public static ServiceAccount RenderAccount(ConnectionFleet fleet) =>
        new()
        {
            Metadata = ObjectMetadata.For(fleet, ResourceNames.Tuner(fleet.Metadata.Name!), ResourceLabels.ForTuner(fleet.Metadata.Name!)),
            AutomountServiceAccountToken = false,
        };

    public static DaemonSet Render(FleetInput input, StreamEndpoint stream, DateTimeOffset? restoringSince = null)
    {
        var fleet = input.Fleet;
        var name = fleet.Metadata.Name!;
        var template = new PodTemplateSpec
        {
            Metadata = new ObjectMeta { Labels = ResourceLabels.ForTuner(name) },
            Spec = new PodSpec
            {
                ServiceAccountName = ResourceNames.Tuner(name),
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                HostPID = true,
                TerminationGracePeriodSeconds = 30,
                Containers = [Container(input, stream)],
                Volumes =
                [
                    new Volume
                    {
                        Name = "config",
                        ConfigMap = new ConfigMapVolumeSource { Name = ResourceNames.Gateway(name) },
                    },
                    new Volume
                    {
                        Name = "state",
                        HostPath = new HostPathVolumeSource { Path = StateDirectory, Type = "DirectoryOrCreate" },
                    },
                    GatewayPodRenderer.TokenVolume(),
                ],
            },
        };
        // Where the gateways go, nodes are tuned; how they are spread is of no matter here.
        PodTemplates.Place(template, fleet.Spec.Gateway.Template, []);
        template.Spec.TopologySpreadConstraints = null;
        return new DaemonSet
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Tuner(name),
                ResourceLabels.ForTuner(name),
                restoringSince is { } since
                    ? new Dictionary<string, string>
                    {
                        [RestoringSince] = since.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
                    }
                    : null
            ),
            Spec = new DaemonSetSpec
            {
                Selector = new LabelSelector { MatchLabels = ResourceLabels.TunerMatch(name) },
                Template = template,
            },
        };
    }

    private static Container Container(FleetInput input, StreamEndpoint stream) =>
        new()
        {
            Name = "tuner",
            Image = GatewayImages.InForce(input),
            Args =
            [
                "tune-node",
                "--fleet",
                $"{input.Fleet.Metadata.Namespace ?? "default"}/{input.Fleet.Metadata.Name}",
                "--host-root",
                "/proc/1/root",
                "--netns",
                "/proc/1/ns/net",
                "--state",
                StateDirectory,
                "--stream",
                stream.Url,
                "--stream-ca",
                $"{ConfigDirectory}/{ConfigMapRenderer.CaKey}",
                "--token-file",
                $"{TokenDirectory}/token",
            ],
            Env =
            [
                new EnvVar { Name = "DOTNET_EnableDiagnostics", Value = "0" },
                // A report names its node, which the pod's own host name is not.
                new EnvVar
                {
                    Name = "NODE_NAME",
                    ValueFrom = new EnvVarSource
                    {
                        FieldRef = new ObjectFieldSelector { ApiVersion = "v1", FieldPath = "spec.nodeName" },
                    },
                },
            ],
            Resources = new ResourceRequirements
            {
                Limits = new Dictionary<string, string> { ["memory"] = "128Mi" },
                Requests = new Dictionary<string, string> { ["cpu"] = "10m", ["memory"] = "64Mi" },
            },
            SecurityContext = new ContainerSecurityContext
            {
                // /proc/sys is read-only in any other container.
                Privileged = true,
                ReadOnlyRootFilesystem = true,
                RunAsUser = 0,
                RunAsNonRoot = false,
            },
            VolumeMounts =
            [
                new VolumeMount
                {
                    Name = "config",
                    MountPath = ConfigDirectory,
                    ReadOnly = true,
                },
                new VolumeMount { Name = "state", MountPath = StateDirectory },
                new VolumeMount
                {
                    Name = "token",
                    MountPath = TokenDirectory,
                    ReadOnly = true,
                },
            ],
        };
}
