using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>A kind of another operator's, which the cluster has not, then has, then has no more.</summary>
[Collection(PatientCollection.Name)]
public sealed class ServiceMonitorTests(SharedCluster shared)
{
    internal const string Definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: servicemonitors.monitoring.coreos.com}
        spec:
          group: monitoring.coreos.com
          names: {kind: ServiceMonitor, listKind: ServiceMonitorList, plural: servicemonitors, singular: servicemonitor}
          scope: Namespaced
          versions:
          - name: v1
            served: true
            storage: true
            schema:
              openAPIV3Schema:
                type: object
                properties:
                  spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
        """;

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task Definition_ComesGoesAndComesAgain_TheFleetIsReadyThroughout()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await Kubectl.ApplyAsync(
            FleetFixture.Quickstart + "\n  observability: {serviceMonitor: {labels: {release: prometheus}}}\n",
            fleet.Namespace
        );
        await fleet.WaitReadyAsync("quickstart");
        var service = await Kubectl.GetAsync("service", "quickstart-metrics", "-n", fleet.Namespace);
        ((string?)service["spec"]!["clusterIP"]).ShouldBe("None");

        await Kubectl.ApplyAsync(Definition, fleet.Namespace);
        await MonitorAsync(fleet);

        // What somebody else changes is put back, as of any other kind.
        await Kubectl.RunAsync(
            "patch",
            "servicemonitor",
            "quickstart-metrics",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"endpoints":[]}}"""
        );
        await MonitorAsync(fleet);

        await Kubectl.RunAsync("delete", "crd", "servicemonitors.monitoring.coreos.com", "--timeout=180s");
        await Kubectl.RunAsync("scale", "fleet", "quickstart", "--replicas=3", "-n", fleet.Namespace);
        await Eventually.HoldsAsync(
            async () =>
                (await Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway"))["items"]!.AsArray().Count == 3,
            TimeSpan.FromMinutes(3),
            "the fleet is stuck"
        );
        await fleet.WaitReadyAsync("quickstart");

        await Kubectl.ApplyAsync(Definition, fleet.Namespace);
        await MonitorAsync(fleet);

        await Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"observability":null}}"""
        );
        await Eventually.HoldsAsync(
            async () =>
                (await fleet.ListAsync("servicemonitors")).Count == 0
                && !(await Kubectl.TryAsync("get", "service", "quickstart-metrics", "-n", fleet.Namespace)).Succeeded,
            TimeSpan.FromMinutes(3),
            "the ServiceMonitor stays"
        );
        await Kubectl.RunAsync("delete", "crd", "servicemonitors.monitoring.coreos.com", "--timeout=180s");
    }

    private static Task MonitorAsync(FleetFixture fleet) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var monitor = await fleet.Kubectl.GetAsync("servicemonitor", "quickstart-metrics", "-n", fleet.Namespace);
                var endpoints = monitor["spec"]!["endpoints"]!.AsArray();
                return
                    (string?)monitor["metadata"]!["labels"]!["release"] == "prometheus"
                    && endpoints.Count == 1
                    && (string?)endpoints[0]!["interval"] == "30s"
                    ? null
                    : monitor.ToJsonString();
            },
            TimeSpan.FromMinutes(3)
        );
}
