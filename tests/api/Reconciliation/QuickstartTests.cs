using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>The sample that the README starts with, and what a user types about it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class QuickstartTests(SharedCluster shared)
{
    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [ClusterFact]
    public async Task Apply_Quickstart_MakesTheObjectsOfTheGoldenFile()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        await Golden.MatchesAsync("quickstart.json", await NormalizedObjects.ReadAsync(fleet));
    }

    [ClusterFact]
    public async Task GetFleets_Ready_ShowsTheColumns()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        var lines = (await Kubectl.RunAsync("get", "fleets", "-n", fleet.Namespace)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Columns(lines[0])
            .ShouldBe(["NAME", "GATEWAYS", "BACKENDS", "CONNECTIONS", "CAPACITY", "UTIL", "DRAINING", "TUNED", "PHASE", "AGE"]);
        Columns(lines[1])[..^1].ShouldBe(["quickstart", "2/2", "4/4", "0", "0", "0", "0", "Ready"]);
        var wide = (await Kubectl.RunAsync("get", "cf", "-o", "wide", "-n", fleet.Namespace)).Split('\n');
        Columns(wide[0])[^4..].ShouldBe(["IMAGE", "SKEW", "REASON", "MESSAGE"]);
        wide[1].ShouldContain("mooring/gateway:test");
    }

    [ClusterFact]
    public async Task Explain_Listeners_TellsWhatTheyAre()
    {
        var text = await Kubectl.RunAsync("explain", "fleet.spec.listeners");

        text.ShouldContain("Where clients arrive");
        text.ShouldContain("protocol");
        var deadline = await Kubectl.RunAsync("explain", "fleet.spec.gateway.drain.deadline");
        string.Join(' ', Columns(deadline.ReplaceLineEndings(" "))).ShouldContain("Default 9m");
    }

    [ClusterFact]
    public async Task Scale_Fleet_AddsAndRemovesGateways()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        await Kubectl.RunAsync("scale", "fleet", "quickstart", "--replicas=3", "-n", fleet.Namespace);
        await GatewaysAsync(fleet, 3);

        await Kubectl.RunAsync("scale", "fleet", "quickstart", "--replicas=1", "-n", fleet.Namespace);
        await GatewaysAsync(fleet, 1);
        var scale = JsonNode.Parse(
            await Kubectl.RunAsync(
                "get",
                "--raw",
                $"/apis/mooring.dev/v1alpha1/namespaces/{fleet.Namespace}/connectionfleets/quickstart/scale"
            )
        )!;
        ((string)scale["status"]!["selector"]!).ShouldBe("mooring.dev/fleet=quickstart,mooring.dev/role=gateway");
    }

    [ClusterFact]
    public async Task Wait_ForReady_ReturnsWhenItIs()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await Kubectl.ApplyAsync(FleetFixture.Quickstart, fleet.Namespace);

        (
            await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", fleet.Namespace)
        ).ShouldContain("condition met");
        await Eventually.HoldsAsync(
            async () =>
                (await Kubectl.RunAsync("events", "--for=connectionfleet/quickstart", "-n", fleet.Namespace)).Contains(
                    "Ready",
                    StringComparison.Ordinal
                ),
            TimeSpan.FromMinutes(3),
            "no event Ready"
        );
    }

    private static Task GatewaysAsync(FleetFixture fleet, int count) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var pods = await fleet.Kubectl.GetAsync("pods", "-n", fleet.Namespace, "-l", "mooring.dev/role=gateway");
                var status = (await fleet.FleetAsync("quickstart"))["status"]!;
                return pods["items"]!.AsArray().Count == count && (int?)status["replicas"] == count && (string?)status["phase"] == "Ready"
                    ? null
                    : $"{pods["items"]!.AsArray().Count} pods, {status.ToJsonString()}";
            },
            TimeSpan.FromMinutes(3)
        );

    private static string[] Columns(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
