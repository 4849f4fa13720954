using Mooring.Contracts.Stream;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Renders the gateways' pod template, without its revision.</summary>
internal static class GatewayPodRenderer
{
    private const string ConfigDirectory = "/etc/mooring";
    private const string TokenDirectory = "/var/run/secrets/mooring";

    // Between the drain's deadline and the kill: to close sockets and flush logs.
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(10);

    // Cluster autoscalers kill a pod on a node that they remove after this.
    private static readonly TimeSpan MaxGrace = TimeSpan.FromSeconds(600);

    public static PodTemplateSpec Render(FleetInput input, IReadOnlyList<KeyValuePair<string, string>> sysctls)
    {
        var fleet = input.Fleet;
        var gateway = fleet.Spec.Gateway;
        var template = new PodTemplateSpec
        {
            Metadata = new ObjectMeta { Labels = ResourceLabels.ForGateway(fleet.Metadata.Name!) },
            Spec = new PodSpec
            {
                ServiceAccountName = ResourceNames.Gateway(fleet.Metadata.Name!),
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                // As the first process it would be spared a SIGTERM that comes before its handlers, and the pod would stay until its grace ends.
                ShareProcessNamespace = true,
                TerminationGracePeriodSeconds = GraceSeconds(gateway.Drain),
                SecurityContext = PodTemplates.PodRights(restricted: true),
                Containers = [Container(input)],
                Volumes = Volumes(input),
            },
        };
        template.Spec.SecurityContext.Sysctls = PodTemplates.Sysctls(sysctls);
        return PodTemplates.Place(template, gateway.Template, ResourceLabels.GatewayMatch(fleet.Metadata.Name!));
    }

    private static Container Container(FleetInput input) =>
        new()
        {
            Name = "gateway",
            Image = GatewayImages.InForce(input),
            Args = Arguments(input),
            // The root file system is read-only, and the runtime would want a socket in /tmp.
            Env = [new EnvVar { Name = "DOTNET_EnableDiagnostics", Value = "0" }],
            // Listeners need no entry here, and one would roll every pod whenever a listener comes or goes.
            Ports =
            [
                new ContainerPort
                {
                    Name = "admin",
                    Number = BindPorts.Admin,
                    Protocol = "TCP",
                },
            ],
            Resources = PodTemplates.Resources(input.Fleet.Spec.Gateway.Resources),
            StartupProbe = Probe("/health/live", periodSeconds: 1, failures: 60),
            LivenessProbe = Probe("/health/live", periodSeconds: 10, failures: 3),
            // A cordon shows here first; one failure is enough, because the gateway says it on purpose.
            ReadinessProbe = Probe("/health/ready", periodSeconds: 2, failures: 1),
            SecurityContext = PodTemplates.ContainerRights(restricted: true, readOnly: true),
            VolumeMounts =
            [
                new VolumeMount
                {
                    Name = "config",
                    MountPath = ConfigDirectory,
                    ReadOnly = true,
                },
                .. input.Stream is null
                    ? []
                    : new[]
                    {
                        new VolumeMount
                        {
                            Name = "token",
                            MountPath = TokenDirectory,
                            ReadOnly = true,
                        },
                    },
                .. SecretVolumes.Mounts(input),
                .. GeoIpRenderer.Mounts(input.Fleet.Spec.Observability),
            ],
        };

    private static List<string> Arguments(FleetInput input) =>
        [
            "serve",
            "--config",
            $"{ConfigDirectory}/{ConfigMapRenderer.ConfigKey}",
            .. input.Stream is not { } stream
                ? []
                : new[]
                {
                    "--stream",
                    stream.Url,
                    "--stream-ca",
                    $"{ConfigDirectory}/{ConfigMapRenderer.CaKey}",
                    "--token-file",
                    $"{TokenDirectory}/token",
                },
            "--admin",
            $"0.0.0.0:{BindPorts.Admin}",
        ];

    private static List<Volume> Volumes(FleetInput input)
    {
        var volumes = new List<Volume>
        {
            new()
            {
                Name = "config",
                ConfigMap = new ConfigMapVolumeSource { Name = ResourceNames.Gateway(input.Fleet.Metadata.Name!) },
            },
        };
        if (input.Stream is not null)
        {
            volumes.Add(TokenVolume());
        }

        volumes.AddRange(SecretVolumes.Volumes(input));
        volumes.AddRange(GeoIpRenderer.Volumes(input.Fleet.Spec.Observability));
        return volumes;
    }

    /// <summary>The only right of the pod: to say to the operator which pod it is.</summary>
    public static Volume TokenVolume() =>
        new()
        {
            Name = "token",
            Projected = new ProjectedVolumeSource
            {
                Sources =
                [
                    new VolumeProjection
                    {
                        ServiceAccountToken = new ServiceAccountTokenProjection
                        {
                            Audience = StreamLimits.TokenAudience,
                            ExpirationSeconds = 3600,
                            Path = "token",
                        },
                    },
                ],
            },
        };

    private static Probe Probe(string path, int periodSeconds, int failures) =>
        new()
        {
            HttpGet = new HttpGetAction
            {
                Path = path,
                Port = "admin",
                Scheme = "HTTP",
            },
            PeriodSeconds = periodSeconds,
            TimeoutSeconds = 2,
            FailureThreshold = failures,
        };

    private static long GraceSeconds(DrainSpec? drain)
    {
        var deadline = drain?.Deadline is { } text ? Duration.Parse(text) : FleetDefaults.DrainDeadline;
        var lameDuck = drain?.LameDuck is { } lame ? Duration.Parse(lame) : FleetDefaults.LameDuck;
        var grace = deadline + lameDuck + StopMargin;
        return (long)Math.Ceiling((grace < MaxGrace ? grace : MaxGrace).TotalSeconds);
    }
}
