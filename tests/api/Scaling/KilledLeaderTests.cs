using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Faults;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Scaling;

/// <summary>The leader dies at one of the writes of a rollout, on the real API server; all of its writes in turn are in the unit tests of the sequence.</summary>
[Collection(PatientCollection.Name)]
public sealed class KilledLeaderTests(SharedCluster shared)
{
    private const int Gateways = 2;
    private const int Each = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public Task Rollout_LeaderKilledAtItsNthWrite_TheNextEndsIt_AndNobodyIsCutOff() => Task.WhenAll(new[] { 2, 5, 8 }.Select(KillAtAsync));

    private async Task KillAtAsync(int write)
    {
        var cluster = shared.Cluster;
        var ns = await cluster.CreateNamespaceAsync($"killed-{write}");
        var role = await OperatorRole.CreateAsync(cluster);
        await using var proxy = await ApiFaultProxy.StartAsync(cluster, role.User);
        await using var first = await OperatorProcess.StartAsync(
            cluster,
            role.Via(cluster, proxy.Address),
            ["--namespace", ns, "--leader-elect=false"]
        );
        await using var kubelet = new StandInKubelet(cluster, ns);
        var leader = first;
        await cluster.Kubectl.ApplyAsync(Manifest, ns);
        await using var gateways = new StandInGateways(cluster.Kubectl, ns, "roll", () => leader.StreamPort, first: Gateways, each: Each);
        await Eventually.HoldsAsync(() => Task.FromResult(Volatile.Read(ref gateways.Speaking) >= Gateways ? null : first.Log), Patience);
        await Eventually.HoldsAsync(
            async () => (string?)(await FleetAsync(ns))["status"]?["phase"] == "Ready" ? null : first.Log,
            Patience
        );
        var before = (string)(await FleetAsync(ns))["status"]!["rollout"]!["revision"]!;

        // The write itself arrives, its answer does not, and neither does anything after it.
        var count = 0;
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        proxy.Rule = request =>
        {
            if (
                !request.IsWrite
                || !(
                    request.Path.Contains("/pods/", StringComparison.Ordinal)
                    || request.Path.Contains("/deployments/", StringComparison.Ordinal)
                )
            )
            {
                return null;
            }

            var number = Interlocked.Increment(ref count);
            if (number >= write)
            {
                reached.TrySetResult();
            }

            return number < write ? null
                : number == write ? new ApiFault { LosesAnswer = true }
                : new ApiFault { Status = 500 };
        };
        await cluster.Kubectl.RunAsync(
            "patch",
            "fleet",
            "roll",
            "-n",
            ns,
            "--type=merge",
            "-p",
            """{"spec":{"gateway":{"image":"gateway:two"}}}"""
        );
        await reached.Task.WaitAsync(Patience);
        first.Process.Kill();
        await using var second = await OperatorProcess.StartAsync(cluster, role, ["--namespace", ns, "--leader-elect=false"]);
        leader = second;

        var faults = new List<string>();
        var deadlines = new Dictionary<string, string>(StringComparer.Ordinal);
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await PodsAsync(ns);
                foreach (var pod in pods)
                {
                    Watch(pod, gateways, deadlines, faults);
                }

                var serving = pods.Count(static pod =>
                    pod["metadata"]!["annotations"]?["mooring.dev/cordoned-at"] is null
                    && pod["metadata"]!["deletionTimestamp"] is null
                    && IsReady(pod)
                );
                if (serving < Gateways)
                {
                    faults.Add($"{serving} serve");
                }

                var status = (await FleetAsync(ns))["status"]!["rollout"]!;
                return (string?)status["phase"] == "Complete" && (string?)status["revision"] != before && pods.Count == Gateways
                    ? null
                    : $"write {write}: {status.ToJsonString()}\n{second.Log}";
            },
            Patience
        );
        faults.ShouldBeEmpty($"killed at write {write}");
        gateways.Closes.Count.ShouldBe(Gateways * Each, "each client is sent away once, by the gateway that it was on");
        (await PodsAsync(ns)).ShouldAllBe(static pod => pod["metadata"]!["annotations"] == null);
    }

    private static void Watch(JsonNode pod, StandInGateways gateways, Dictionary<string, string> deadlines, List<string> faults)
    {
        var name = (string)pod["metadata"]!["name"]!;
        if (pod["metadata"]!["deletionTimestamp"] is not null && gateways.Connections.GetValueOrDefault(name) is > 0 and var left)
        {
            faults.Add($"{name} is removed with {left} connections");
        }

        if (
            (string?)pod["metadata"]!["annotations"]?["mooring.dev/drain-deadline"] is { } deadline
            && !deadlines.TryAdd(name, deadline)
            && deadlines[name] != deadline
        )
        {
            faults.Add($"the drain of {name} began anew");
        }
    }

    private static bool IsReady(JsonNode pod) =>
        pod["status"]!["conditions"]?.AsArray().Any(static one => (string?)one!["type"] == "Ready" && (string?)one["status"] == "True")
        == true;

    private Task<JsonNode> FleetAsync(string ns) => shared.Cluster.Kubectl.GetAsync("fleet", "roll", "-n", ns);

    private async Task<List<JsonNode>> PodsAsync(string ns) =>
        [
            .. (await shared.Cluster.Kubectl.GetAsync("pods", "-n", ns, "-l", "mooring.dev/role=gateway"))["items"]!
                .AsArray()
                .Select(static pod => pod!),
        ];

    private const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: roll}
        spec:
          gateway:
            replicas: 2
            drain: {lameDuck: 500ms, deadline: 60s, reconnectsPerSecond: 40}
          listeners:
          - {name: edge, protocol: TCP, port: 9000, backend: far}
          backends:
          - {name: far, addresses: [{address: "192.0.2.1:80"}]}
        """;
}
