using System.Globalization;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning.Workloads;

namespace Mooring.Operator.Planning;

/// <summary>Renders the Deployment of a workload backend.</summary>
internal static class BackendDeploymentRenderer
{
    public static Deployment Render(ConnectionFleet fleet, BackendSpec backend, int replicas)
    {
        var name = fleet.Metadata.Name!;
        var workload = backend.Workload!;
        var labels = ResourceLabels.ForBackend(name, backend.Name);
        var match = ResourceLabels.BackendMatch(name, backend.Name);
        var restricted = workload.PodSecurity == "Restricted";
        var rights = PodTemplates.PodRights(restricted);
        // Without capabilities 1024 is the lowest port, and its own port is what the workload is told: unlike a gateway's it is not moved.
        rights.Sysctls =
            restricted && workload.Port < BindPorts.Privileged
                ? [new Sysctl { Name = "net.ipv4.ip_unprivileged_port_start", Value = Text(workload.Port) }]
                : null;
        var template = new PodTemplateSpec
        {
            Metadata = new ObjectMeta { Labels = labels },
            Spec = new PodSpec
            {
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                SecurityContext = rights,
                Containers = [Container(workload, restricted, BackendTransport.Of(fleet.Spec, backend.Name))],
            },
        };
        return new Deployment
        {
            Metadata = ObjectMetadata.For(
                fleet,
                ResourceNames.Backend(name, backend.Name),
                labels,
                backend.DrainTimeout is { } time ? new Dictionary<string, string> { [LeavingWorkload.DrainTimeAnnotation] = time } : null
            ),
            Spec = new DeploymentSpec
            {
                Replicas = replicas,
                RevisionHistoryLimit = 2,
                Selector = new LabelSelector { MatchLabels = match },
                Template = PodTemplates.Place(template, workload.Template, match),
            },
        };
    }

    private static Container Container(WorkloadSpec workload, bool restricted, BackendTransport transport) =>
        new()
        {
            Name = "backend",
            Image = workload.Image,
            Command = workload.Command.Count == 0 ? null : [.. workload.Command],
            Env =
            [
                new EnvVar { Name = "PORT", Value = Text(workload.Port) },
                .. workload.Env.Select(variable => new EnvVar
                {
                    Name = variable.Name,
                    Value = variable.Value.Length == 0 ? null : variable.Value,
                }),
            ],
            Ports =
            [
                .. transport.Tcp ? [Port(BackendTransport.TcpPort, "TCP", workload)] : Array.Empty<ContainerPort>(),
                .. transport.Udp ? [Port(BackendTransport.UdpPort, "UDP", workload)] : Array.Empty<ContainerPort>(),
            ],
            Resources = PodTemplates.Resources(workload.Resources),
            // Kubernetes cannot ask a UDP port: such a pod is ready once it runs, and passive health sees the rest.
            ReadinessProbe = transport.Tcp
                ? new Probe
                {
                    TcpSocket = new TcpSocketAction { Port = BackendTransport.TcpPort },
                    PeriodSeconds = 2,
                    TimeoutSeconds = 2,
                    FailureThreshold = 2,
                }
                : null,
            SecurityContext = PodTemplates.ContainerRights(restricted, readOnly: false),
        };

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);

    private static ContainerPort Port(string name, string protocol, WorkloadSpec workload) =>
        new()
        {
            Name = name,
            Number = workload.Port,
            Protocol = protocol,
        };
}
