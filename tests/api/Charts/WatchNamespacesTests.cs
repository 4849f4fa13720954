using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Charts;

/// <summary>The chart with <c>watchNamespaces</c>: what becomes of one of them is no matter of the others.</summary>
[Collection(InstallationCollection.Name)]
public sealed class WatchNamespacesTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Own = "mooring-system";

    private readonly Helm _helm = new(shared.Cluster);

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [HelmFact]
    public async Task Namespace_WhoseRoleGoesBeforeItsFleet_IsDeleted_AndTheOtherServed()
    {
        await Kubectl.RunAsync("create", "namespace", Own);
        var (gone, shop) = (await shared.Cluster.CreateNamespaceAsync("gone"), await shared.Cluster.CreateNamespaceAsync("shop"));
        await using var nodes = new StandInKubelet(shared.Cluster, Own);
        await using var goneNodes = new StandInKubelet(shared.Cluster, gone);
        await using var shopNodes = new StandInKubelet(shared.Cluster, shop);
        // A registration whose server is not there keeps every namespace from going.
        string[] values = ["--set", "metricsApi.enabled=false", "--set", $"watchNamespaces={{{gone},{shop}}}"];
        await _helm.RunAsync(["install", "mooring", Helm.Chart, "-n", Own, "--wait", "--timeout", "2m", .. values]);
        var role = await OperatorRole.OfReleaseAsync(shared.Cluster, Own, "mooring");
        string[] arguments = ["--namespace", gone, "--namespace", shop];

        await using (await OperatorProcess.StartAsync(shared.Cluster, role, arguments))
        {
            foreach (var ns in new[] { gone, shop })
            {
                await Kubectl.ApplyAsync(FleetFixture.Quickstart, ns);
                await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", ns);
            }

            // As the namespace's controller may, which knows no order.
            await Kubectl.RunAsync("delete", "rolebinding,role", "mooring-fleets", "-n", gone);
            await Kubectl.RunAsync("delete", "namespace", gone, "--timeout=180s");
            await ScaleAsync(3);
        }

        await using var next = await OperatorProcess.StartAsync(shared.Cluster, role, arguments);
        await ScaleAsync(2);

        async Task ScaleAsync(int gateways)
        {
            await Kubectl.RunAsync("scale", "fleet/quickstart", $"--replicas={gateways}", "-n", shop);
            var ready = $"--for=jsonpath={{.status.gateways.ready}}={gateways}";
            await Kubectl.RunAsync("wait", ready, "fleet/quickstart", "--timeout=180s", "-n", shop);
            await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", shop);
        }
    }
}
