using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Scaling;

/// <summary>Workload pods that follow the connections, on a real API server; what the gateways say is the test's.</summary>
[Collection(ClusterCollection.Name)]
public sealed class WorkloadScalingTests(SharedCluster shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task Workload_FollowsTheConnections_AndNoPodGoesWithAny()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await PatchAsync(fleet, "/maxConnections", "10");
        await PatchAsync(fleet, "/scaling", """{"maxReplicas": 4, "scaleUpCooldown": "0s", "scaleDownCooldown": "0s"}""");
        await using var gateways = await FakeLoad.StartAsync(fleet);

        // Forty on two pods of ten each want five; four is the most.
        var first = await PodsAsync(fleet);
        await SettleAsync(
            fleet,
            gateways,
            first.ToDictionary(static pod => pod, static _ => 20),
            async () => (await PodsAsync(fleet)).Count == 4
        );
        await EventAsync(fleet, "BackendScaleUp");
        var status = (await fleet.FleetAsync("quickstart"))["status"]!;
        ((int?)Workload(status)["replicas"]).ShouldBe(4);
        ((string?)Workload(status)["lastScaleUpTime"]).ShouldNotBeNull();
        ((string?)Condition(status)["status"]).ShouldBe("True");

        // Four are left on two pods: one does. The empty ones go first; the other is emptied before it goes.
        var all = await PodsAsync(fleet);
        var (kept, last) = (all[0], all[1]);
        await SettleAsync(
            fleet,
            gateways,
            new Dictionary<string, int> { [kept] = 3, [last] = 1 },
            async () => (await PodsAsync(fleet)).Count == 2 && gateways.Draining("echo").Contains(last) && gateways.Pace("echo") > 0
        );
        (await PodsAsync(fleet)).ShouldBe([kept, last], ignoreOrder: true);
        gateways.EverDraining.ShouldBe(all.Skip(1), ignoreOrder: true);
        await EventAsync(fleet, "BackendDraining");

        await SettleAsync(
            fleet,
            gateways,
            new Dictionary<string, int> { [kept] = 4 },
            async () => await PodsAsync(fleet) is [var only] && only == kept
        );
        ((int?)Workload((await fleet.FleetAsync("quickstart"))["status"]!)["replicas"]).ShouldBe(1);

        // Paused: what the connections want is not done.
        await PatchAsync(fleet, "/scaling/paused", "true");
        await SettleAsync(
            fleet,
            gateways,
            new Dictionary<string, int> { [kept] = 30 },
            async () => (string?)Condition((await fleet.FleetAsync("quickstart"))["status"]!)["reason"] == "Paused"
        );
        (await PodsAsync(fleet)).ShouldBe([kept]);
    }

    /// <summary>Says it again and again, as gateways do, until it holds.</summary>
    private static Task SettleAsync(FleetFixture fleet, FakeLoad gateways, Dictionary<string, int> connections, Func<Task<bool>> holds) =>
        Eventually.HoldsAsync(
            async () =>
            {
                await gateways.ReportAsync("echo", connections);
                return await holds()
                    ? null
                    : $"pods {string.Join(' ', await PodsAsync(fleet))}, draining {string.Join(' ', gateways.Draining("echo"))}, {(await fleet.FleetAsync("quickstart"))["status"]!["workloads"]}\n{fleet.Operator.Log}";
            },
            Patience
        );

    private static async Task<List<string>> PodsAsync(FleetFixture fleet) =>
        [
            .. (await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/backend=echo"))["items"]!
                .AsArray()
                .Where(static pod => pod!["metadata"]!["deletionTimestamp"] is null)
                .Select(static pod => (string)pod!["metadata"]!["name"]!),
        ];

    private static JsonNode Workload(JsonNode status) => status["workloads"]!.AsArray().First(one => (string?)one!["name"] == "echo")!;

    private static JsonNode Condition(JsonNode status) =>
        status["conditions"]!.AsArray().First(one => (string?)one!["type"] == "WorkloadScalingActive")!;

    private static Task<string> PatchAsync(FleetFixture fleet, string path, string value) =>
        fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=json",
            "-p",
            $$"""[{"op": "add", "path": "/spec/backends/0/workload{{path}}", "value": {{value}}}]"""
        );

    private static Task EventAsync(FleetFixture fleet, string reason) =>
        Eventually.HoldsAsync(
            async () =>
                (await fleet.Kubectl.RunAsync("get", "events", "-n", fleet.Namespace)).Contains(reason, StringComparison.Ordinal)
                    ? null
                    : $"no event {reason}",
            Patience
        );
}
