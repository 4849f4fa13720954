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

    /// <summary>Annotation of the DaemonSet: a tuner has been heard of, so that nodes may have been changed. It outlives a change of leader.</summary>
    public const string Heard = "mooring.dev/tuner-heard";

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
        PodTemplates.PlaceBeside(template, fleet.Spec.Gateway.Template);
        // In a sandbox of its own it would not reach the node.
        template.Spec.RuntimeClassName = null;
        return new DaemonSet
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Tuner(name),
                ResourceLabels.ForTuner(name),
                Annotations(input.Tuner?.WasHeard == true, restoringSince)
            ),
            Spec = new DaemonSetSpec
            {
                Selector = new LabelSelector { MatchLabels = ResourceLabels.TunerMatch(name) },
                Template = template,
            },
        };
    }

    /// <summary>Of all that runs for a moment or hardly ever: small, and complete, since a quota refuses a pod that leaves one out.</summary>
    public static ResourceRequirements Resources() =>
        new()
        {
            Limits = new Dictionary<string, string> { ["cpu"] = "200m", ["memory"] = "128Mi" },
            Requests = new Dictionary<string, string> { ["cpu"] = "10m", ["memory"] = "64Mi" },
        };

    private static Dictionary<string, string> Annotations(bool wasHeard, DateTimeOffset? restoringSince)
    {
        var annotations = new Dictionary<string, string>();
        if (wasHeard)
        {
            annotations[Heard] = "true";
        }

        if (restoringSince is { } since)
        {
            annotations[RestoringSince] = since.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        }

        return annotations;
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
            Resources = Resources(),
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
