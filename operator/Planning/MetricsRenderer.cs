using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.Planning;

/// <summary>Renders what leads a Prometheus to the gateways: a headless Service, and a ServiceMonitor where the cluster has that kind.</summary>
internal static class MetricsRenderer
{
    private const string Port = "metrics";

    public static IEnumerable<IKubernetesObject> Render(FleetInput input)
    {
        if (input.Fleet.Spec.Observability?.ServiceMonitor is not { } spec)
        {
            yield break;
        }

        var name = input.Fleet.Metadata.Name!;
        var labels = ResourceLabels.ForMetrics(name);
        yield return new Service
        {
            Metadata = ObjectMetadata.For(input.Fleet, ResourceNames.Metrics(name), labels),
            Spec = new ServiceSpec
            {
                Type = "ClusterIP",
                ClusterIP = "None",
                // One that drains is to be seen all the more.
                PublishNotReadyAddresses = true,
                Selector = ResourceLabels.GatewayMatch(name),
                Ports =
                [
                    new ServicePort
                    {
                        Name = Port,
                        Protocol = "TCP",
                        Port = BindPorts.Admin,
                        TargetPort = "admin",
                    },
                ],
            },
        };
        if (input.HasServiceMonitors)
        {
            yield return new ServiceMonitor
            {
                Metadata = ObjectMetadata.For(input.Fleet, ResourceNames.Metrics(name), ObjectMetadata.With(spec.Labels, labels)),
                Spec = new ServiceMonitorSpec
                {
                    Selector = new LabelSelector { MatchLabels = ResourceLabels.MetricsMatch(name) },
                    TargetLabels = [ResourceLabels.Fleet],
                    Endpoints =
                    [
                        new ServiceMonitorEndpoint
                        {
                            Port = Port,
                            Path = "/metrics",
                            Interval = Duration.Format(Duration.Parse(spec.Interval)),
                            HonorLabels = true,
                            // As the series of a fleet on one machine are labelled, so that one dashboard reads both.
                            Relabelings =
                            [
                                Label(
                                    "fleet",
                                    $"__meta_kubernetes_service_label_{ResourceLabels.Fleet.Replace('.', '_').Replace('/', '_')}"
                                ),
                                Label("gateway", "__meta_kubernetes_pod_name"),
                            ],
                        },
                    ],
                },
            };
        }
    }

    private static ServiceMonitorRelabeling Label(string name, string from) => new() { SourceLabels = [from], TargetLabel = name };
}
