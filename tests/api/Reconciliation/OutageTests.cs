using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>The API server goes away for a minute. On a cluster of its own, for the others could not work meanwhile.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(60);
    private const int Fleets = 10;
    private const long FlatWithin = 32 * 1024 * 1024;

    private TestCluster? _cluster;

    private TestCluster Cluster => _cluster!;

    public async Task InitializeAsync()
    {
        if (ClusterAssets.MissingBecause is null)
        {
            _cluster = await TestCluster.StartAsync();
            await _cluster.InstallAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [ClusterFact]
    public async Task ApiServerAway_ForAMinute_EverythingConvergesByItselfAndMemoryIsFlat()
    {
        // Alone, so that it need not give way to another: with a Lease it exits and is started again, which is the next test.
        await using var fleet = await FleetFixture.StartAsync(Cluster, "--leader-elect=false");
        foreach (var number in Enumerable.Range(1, Fleets))
        {
            await fleet.Kubectl.ApplyAsync(BadManifestTests.Simple($"fleet-{number}", ""), fleet.Namespace);
        }

        await AllReadyAsync(fleet, 2);
        var before = fleet.Operator.Process.ResidentBytes;

        await Cluster.StopApiServerAsync();
        await Task.Delay(Outage);
        var during = fleet.Operator.Process.ResidentBytes;
        (await fleet.Operator.GetAsync("/healthz")).ShouldBe("ok\n");
        await Cluster.StartApiServerAsync();

        // Changed behind its back the moment the server is there: a deletion that no watch told of, and a new wish for each fleet.
        await fleet.Kubectl.RunAsync("delete", "configmap", "fleet-1-gateway", "-n", fleet.Namespace, "--wait=false");
        foreach (var number in Enumerable.Range(1, Fleets))
        {
            await fleet.Kubectl.RunAsync("scale", "fleet", $"fleet-{number}", "--replicas=1", "-n", fleet.Namespace);
        }

        await AllReadyAsync(fleet, 1);
        await Eventually.HoldsAsync(
            async () => (await fleet.Kubectl.TryAsync("get", "configmap", "fleet-1-gateway", "-n", fleet.Namespace)).Succeeded,
            TimeSpan.FromMinutes(3),
            "the ConfigMap did not come back"
        );
        var after = fleet.Operator.Process.ResidentBytes;
        during.ShouldBeLessThan(before + FlatWithin);
        after.ShouldBeLessThan(before + FlatWithin);
    }

    [ClusterFact]
    public async Task ApiServerAway_LeaderWithALease_ExitsAndItsSuccessorConverges()
    {
        var ns = await Cluster.CreateNamespaceAsync("lease");
        var role = await OperatorRole.CreateAsync(Cluster);
        await using var kubelet = new StandInKubelet(Cluster, ns);
        await using var leader = await OperatorProcess.StartAsync(Cluster, role, ["--namespace", ns]);
        await Cluster.Kubectl.ApplyAsync(BadManifestTests.Simple("one", ""), ns);
        await Cluster.Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/one", "--timeout=180s", "-n", ns);

        await Cluster.StopApiServerAsync();
        (await leader.Process.WaitForExitAsync(TimeSpan.FromMinutes(3))).ShouldBe(3, "the code of a lost Lease");
        await Cluster.StartApiServerAsync();

        await using var successor = await OperatorProcess.StartAsync(Cluster, role, ["--namespace", ns]);
        await Cluster.Kubectl.RunAsync("scale", "fleet", "one", "--replicas=3", "-n", ns);
        await Eventually.HoldsAsync(
            async () => (int?)(await Cluster.Kubectl.GetAsync("fleet", "one", "-n", ns))["status"]!["replicas"] == 3,
            TimeSpan.FromMinutes(3),
            "the successor does not converge"
        );
    }

    private static Task<TimeSpan> AllReadyAsync(FleetFixture fleet, int gateways) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var all = (await fleet.Kubectl.GetAsync("fleets", "-n", fleet.Namespace))["items"]!.AsArray();
                var stranded = all.Where(one =>
                        (string?)one!["status"]?["phase"] != "Ready" || (int?)one["status"]!["replicas"] != gateways
                    )
                    .Select(one => $"{one!["metadata"]!["name"]} {one["status"]?["phase"]} {one["status"]?["replicas"]}")
                    .ToList();
                return all.Count == Fleets && stranded.Count == 0
                    ? null
                    : $"stranded: {string.Join(", ", stranded)}\n{fleet.Operator.Log[^Math.Min(4000, fleet.Operator.Log.Length)..]}";
            },
            TimeSpan.FromMinutes(3)
        );
}
