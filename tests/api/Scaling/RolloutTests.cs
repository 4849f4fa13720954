using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Scaling;

/// <summary>The one sequence of rollout, rollback and scale-in, on the real API server with its Deployment controller.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RolloutTests(SharedCluster shared)
{
    private const int Rate = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task Rollout_WithConnections_RemovesOnlyEmptyGateways_AtThePace_WithEnoughReady()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(3), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        await using var gateways = new StandInGateways(
            fleet.Kubectl,
            fleet.Namespace,
            "roll",
            () => fleet.Operator.StreamPort,
            first: 3,
            each: 60
        );
        await SpeakingAsync(gateways, 3);
        var before = await RevisionAsync(fleet);

        await PatchAsync(fleet, """{"spec":{"gateway":{"image":"gateway:two"}}}""");

        var faults = new List<string>();
        var wasRemaining = false;
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await PodsAsync(fleet);
                faults.AddRange(
                    pods.Where(pod => pod["metadata"]!["deletionTimestamp"] is not null)
                        .Select(pod => (string)pod["metadata"]!["name"]!)
                        .Where(pod => gateways.Connections.GetValueOrDefault(pod) > 0)
                        .Select(pod => $"{pod} is removed with {gateways.Connections[pod]} connections")
                );
                var serving = pods.Count(pod => pod["metadata"]!["annotations"]?["mooring.dev/cordoned-at"] is null && IsReady(pod));
                if (serving < 3)
                {
                    faults.Add($"{serving} serve");
                }

                var status = (await fleet.FleetAsync("roll"))["status"]!["rollout"]!;
                wasRemaining |= (int?)status["remaining"] > 0 && (int?)status["draining"] > 0 && status["deadline"] is not null;
                return (string?)status["phase"] == "Complete" && (string?)status["revision"] != before && pods.Count == 3
                    ? null
                    : $"{status.ToJsonString()}\n{fleet.Operator.Log}";
            },
            Patience
        );
        faults.ShouldBeEmpty();
        wasRemaining.ShouldBeTrue("status never showed the drain");
        gateways.Closes.Count.ShouldBe(180);
        gateways.PeakPerSecond().ShouldBeLessThanOrEqualTo(Rate + 3, "each of three stand-ins may be one ahead");
    }

    [ClusterFact]
    public async Task Deletion_AmidAScaleIn_KeepsThePaceOverAllGatewaysTogether()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(5), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        await using var gateways = new StandInGateways(
            fleet.Kubectl,
            fleet.Namespace,
            "roll",
            () => fleet.Operator.StreamPort,
            first: 5,
            each: 120
        )
        {
            // Of the two that are wanted by then each would take its half, while those that drain already have all of it.
            Alone = (Rate / 2, TimeSpan.FromMilliseconds(500)),
        };
        fleet.MayGo = pod => gateways.Connections.GetValueOrDefault((string)pod["metadata"]!["name"]!) == 0;
        await SpeakingAsync(gateways, 5);
        await fleet.Kubectl.RunAsync("scale", "fleet", "roll", "--replicas=2", "-n", fleet.Namespace);
        await Eventually.HoldsAsync(() => Task.FromResult(gateways.Closes.Count > 30 ? null : "it does not close"), Patience);

        await fleet.Kubectl.RunAsync("delete", "fleet", "roll", "-n", fleet.Namespace, "--timeout=180s");

        gateways.Closes.Count.ShouldBe(600, "it goes once nobody is left");
        gateways.Connections.Values.ShouldAllBe(static left => left == 0);
        gateways.PeakPerSecond().ShouldBeLessThanOrEqualTo(Rate + 5, "each of five stand-ins may be one ahead");
        // Not at a crawl either: what one that is empty leaves over is the others'.
        gateways.Took().TotalSeconds.ShouldBeLessThan(600 / (Rate * 0.9) * 2);
    }

    [ClusterFact]
    public async Task ScaleIn_LeaderKilledInTheMiddle_TheNextGoesOnWhereItStopped()
    {
        var ns = await shared.Cluster.CreateNamespaceAsync("handed");
        var role = await OperatorRole.CreateAsync(shared.Cluster);
        var first = await OperatorProcess.StartAsync(shared.Cluster, role, ["--namespace", ns]);
        await using var one = first;
        await using var kubelet = new StandInKubelet(shared.Cluster, ns);
        await Eventually.HoldsAsync(() => Task.FromResult(first.Leads ? null : first.Log), Patience);
        await using var second = await OperatorProcess.StartAsync(shared.Cluster, role, ["--namespace", ns]);
        var leader = first;
        await shared.Cluster.Kubectl.ApplyAsync(Manifest(3), ns);
        await using var gateways = new StandInGateways(shared.Cluster.Kubectl, ns, "roll", () => leader.StreamPort, first: 3, each: 400);
        await SpeakingAsync(gateways, 3);

        await shared.Cluster.Kubectl.RunAsync("scale", "fleet", "roll", "--replicas=2", "-n", ns);
        JsonNode? marked = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                marked = (await PodsAsync(ns)).FirstOrDefault(pod =>
                    pod["metadata"]!["annotations"]?["mooring.dev/drain-deadline"] is not null
                );
                return marked is null ? $"nothing drains\n{first.Log}" : null;
            },
            Patience
        );
        await Eventually.HoldsAsync(() => Task.FromResult(gateways.Closes.Count > 20 ? null : "it does not close"), Patience);
        var name = (string)marked!["metadata"]!["name"]!;
        first.Process.Kill();
        leader = second;
        await Eventually.HoldsAsync(() => Task.FromResult(second.Leads ? null : second.Log), Patience);

        // The same gateway, the same times; and in the end that one goes, the others stay.
        var after = (await PodsAsync(ns)).Single(pod => (string)pod["metadata"]!["name"]! == name)["metadata"]!["annotations"]!;
        foreach (var annotation in new[] { "mooring.dev/cordoned-at", "mooring.dev/drain-started-at", "mooring.dev/drain-deadline" })
        {
            ((string?)after[annotation]).ShouldBe((string?)marked["metadata"]!["annotations"]![annotation]);
        }

        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await PodsAsync(ns);
                return pods.Count == 2 ? null : $"{pods.Count} pods, {gateways.Connections[name]} connections on {name}\n{second.Log}";
            },
            Patience
        );
        (await PodsAsync(ns)).ShouldAllBe(pod => (string)pod["metadata"]!["name"]! != name && pod["metadata"]!["annotations"] == null);
        gateways.Connections[name].ShouldBe(0);
        gateways.Closes.Count.ShouldBe(400);
    }

    [ClusterFact]
    public async Task Rollout_ThatCannotStart_TurnsDegraded_AndIsUndoneByTheOldManifest()
    {
        await using var fleet = await FleetFixture.StartAsync(
            shared.Cluster,
            pod => !pod.ToJsonString().Contains("gateway:broken", StringComparison.Ordinal)
        );
        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        var before = (await PodsAsync(fleet)).Select(static pod => (string)pod["metadata"]!["uid"]!).Order().ToList();

        await PatchAsync(fleet, """{"spec":{"gateway":{"image":"gateway:broken"}}}""");
        await ConditionAsync(fleet, "Degraded", "True", "RolloutStalled");
        var serving = (await PodsAsync(fleet)).Where(IsReady).Select(static pod => (string)pod["metadata"]!["uid"]!).Order();
        serving.ShouldBe(before);

        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await PatchAsync(fleet, """{"spec":{"gateway":{"image":null}}}""");
        await fleet.WaitReadyAsync("roll");
        await Eventually.HoldsAsync(
            async () =>
            {
                var pods = await PodsAsync(fleet);
                return pods.Select(static pod => (string)pod["metadata"]!["uid"]!).Order().SequenceEqual(before)
                    ? null
                    : string.Join('\n', pods.Select(static pod => pod.ToJsonString()));
            },
            Patience
        );
        await ConditionAsync(fleet, "Degraded", "False", "AsWanted");
    }

    [ClusterFact]
    public async Task Rollout_ThatStopsAfterItsFirstSteps_TurnsDegradedToo()
    {
        // The Deployment was complete by then: the cluster's own deadline says nothing of it any more.
        var started = new HashSet<string>(StringComparer.Ordinal);
        await using var fleet = await FleetFixture.StartAsync(
            shared.Cluster,
            pod =>
                !pod.ToJsonString().Contains("gateway:two", StringComparison.Ordinal)
                || started.Contains((string)pod["metadata"]!["uid"]!)
                || (started.Count < 2 && started.Add((string)pod["metadata"]!["uid"]!))
        );
        await fleet.Kubectl.ApplyAsync(Manifest(4), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");

        await PatchAsync(fleet, """{"spec":{"gateway":{"image":"gateway:two"}}}""");
        await ConditionAsync(fleet, "Degraded", "True", "RolloutStalled");

        var status = (await fleet.FleetAsync("roll"))["status"]!;
        ((int?)status["rollout"]!["updated"], status["rollout"]!["lastProgressTime"] is not null).ShouldBe((2, true));
        (await PodsAsync(fleet)).Count(IsReady).ShouldBeGreaterThanOrEqualTo(4);
        await PatchAsync(fleet, """{"spec":{"gateway":{"image":null}}}""");
        await fleet.WaitReadyAsync("roll");
        await ConditionAsync(fleet, "Degraded", "False", "AsWanted");
    }

    [ClusterFact]
    public async Task Rollout_ThatAQuotaForbids_SaysSo()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        await fleet.Kubectl.RunAsync("create", "quota", "few", "--hard=pods=2", "-n", fleet.Namespace);
        // The quota controller's part: there is none here.
        await fleet.Kubectl.RunAsync(
            "patch",
            "quota",
            "few",
            "-n",
            fleet.Namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            """{"status":{"hard":{"pods":"2"},"used":{"pods":"2"}}}"""
        );

        await PatchAsync(fleet, """{"spec":{"gateway":{"image":"gateway:two"}}}""");
        await ConditionAsync(fleet, "Degraded", "True", "RolloutStalled");

        (await fleet.FleetAsync("roll"))["status"]!["conditions"]!.AsArray().Single(static one => (string?)one!["type"] == "Degraded")![
            "message"
        ]!
            .ToString()
            .ShouldContain("quota: few");
    }

    [ClusterFact]
    public async Task Apply_TheSameInOtherWords_WritesNothing_AndNeitherDoesAnotherOperator()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        var mark = shared.Cluster.Audit.Mark();

        await fleet.Kubectl.ApplyAsync(
            Manifest(2)
                .Replace("deadline: 60s", "deadline: 1m", StringComparison.Ordinal)
                .Replace("cpu: 1000m, memory: 1024Mi", "memory: 1Gi, cpu: \"1\"", StringComparison.Ordinal),
            fleet.Namespace
        );
        await Eventually.HoldsAsync(
            async () =>
            {
                var now = await fleet.FleetAsync("roll");
                return (int?)now["status"]!["observedGeneration"] == (int?)now["metadata"]!["generation"] ? null : "not looked at yet";
            },
            Patience
        );
        await using var other = await OperatorProcess.StartAsync(
            shared.Cluster,
            await OperatorRole.CreateAsync(shared.Cluster),
            ["--namespace", fleet.Namespace]
        );
        await Eventually.HoldsAsync(() => Task.FromResult(other.Leads ? null : other.Log), Patience);
        await fleet.WaitReadyAsync("roll");

        var writes = (await shared.Cluster.Audit.SinceAsync(mark)).Where(request =>
            request.IsWrite
            && (request.User == fleet.Operator.User || request.User == other.User)
            && request.Resource is not ("events" or "leases")
        );
        writes.Where(static request => request.Resource is "deployments" or "pods" or "services" or "poddisruptionbudgets").ShouldBeEmpty();
    }

    [ClusterFact]
    public async Task Restart_WhileTheSpecIsBad_TheLastGoodOneIsStillLookedAfter()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        // What CEL cannot say, the operator finds: a label that no pod may have.
        await PatchAsync(fleet, """{"spec":{"gateway":{"template":{"labels":{"a b":"c"}}}}}""");
        await ConditionAsync(fleet, "Ready", "False", "Invalid");
        fleet.Operator.Process.Kill();
        await using var next = await OperatorProcess.StartAsync(
            shared.Cluster,
            await OperatorRole.CreateAsync(shared.Cluster),
            ["--namespace", fleet.Namespace]
        );
        await Eventually.HoldsAsync(() => Task.FromResult(next.Leads ? null : next.Log), Patience);

        await fleet.Kubectl.RunAsync("delete", "service", "roll-gateway", "-n", fleet.Namespace);

        await Eventually.HoldsAsync(
            async () => (await fleet.Kubectl.TryAsync("get", "service", "roll-gateway", "-n", fleet.Namespace)).Succeeded ? null : next.Log,
            Patience
        );
    }

    [ClusterFact]
    public async Task Scale_WhileTheSpecIsBad_IsFollowed()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.ApplyAsync(Manifest(2), fleet.Namespace);
        await fleet.WaitReadyAsync("roll");
        await PatchAsync(fleet, """{"spec":{"gateway":{"template":{"labels":{"a b":"c"}}}}}""");
        await ConditionAsync(fleet, "Ready", "False", "Invalid");

        await fleet.Kubectl.RunAsync("scale", "fleet", "roll", "--replicas=3", "-n", fleet.Namespace);

        await Eventually.HoldsAsync(async () => (await PodsAsync(fleet)).Count(IsReady) == 3 ? null : fleet.Operator.Log, Patience);
        (await PodsAsync(fleet)).ShouldAllBe(static pod => pod["metadata"]!["labels"]!["a b"] == null);
        await ConditionAsync(fleet, "Ready", "False", "Invalid");
    }

    private static string Manifest(int replicas) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: roll}
            spec:
              gateway:
                replicas: {{replicas}}
                resources: {requests: {cpu: 1000m, memory: 1024Mi} }
                drain: {lameDuck: 500ms, deadline: 60s, reconnectsPerSecond: {{Rate}} }
                rollout: {progressDeadline: 10s}
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: far}
              backends:
              - {name: far, addresses: [{address: "192.0.2.1:80"}]}
            """;

    private static bool IsReady(JsonNode pod) =>
        pod["status"]!["conditions"]?.AsArray().Any(static one => (string?)one!["type"] == "Ready" && (string?)one["status"] == "True")
            == true
        && pod["metadata"]!["deletionTimestamp"] is null;

    private static Task PatchAsync(FleetFixture fleet, string patch) =>
        fleet.Kubectl.RunAsync("patch", "fleet", "roll", "-n", fleet.Namespace, "--type=merge", "-p", patch);

    private static async Task<string?> RevisionAsync(FleetFixture fleet) =>
        (string?)(await fleet.FleetAsync("roll"))["status"]!["rollout"]!["revision"];

    private Task<List<JsonNode>> PodsAsync(FleetFixture fleet) => PodsAsync(fleet.Namespace);

    private async Task<List<JsonNode>> PodsAsync(string ns) =>
        [
            .. (await shared.Cluster.Kubectl.GetAsync("pods", "-n", ns, "-l", "mooring.dev/role=gateway"))["items"]!
                .AsArray()
                .Select(static pod => pod!),
        ];

    private static Task SpeakingAsync(StandInGateways gateways, int count) =>
        Eventually.HoldsAsync(
            () => Task.FromResult(Volatile.Read(ref gateways.Speaking) >= count ? null : $"{gateways.Speaking} of {count} speak"),
            Patience
        );

    private static Task ConditionAsync(FleetFixture fleet, string type, string status, string reason) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var conditions = (await fleet.FleetAsync("roll"))["status"]!["conditions"]!;
                return conditions
                    .AsArray()
                    .Any(one => (string?)one!["type"] == type && (string?)one["status"] == status && (string?)one["reason"] == reason)
                    ? null
                    : $"{conditions.ToJsonString()}\n{fleet.Operator.Log}";
            },
            Patience
        );
}
