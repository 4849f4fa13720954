using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Reconciliation;

/// <summary>What a fleet goes through: changes, pauses, foreign objects in its way, its end.</summary>
[Collection(ClusterCollection.Name)]
public sealed class LifecycleTests(SharedCluster shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [ClusterFact]
    public async Task Delete_Fleet_RemovesEverything()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        await fleet.Kubectl.RunAsync("delete", "fleet", "quickstart", "-n", fleet.Namespace, "--timeout=180s");

        foreach (
            var kind in new[]
            {
                "deployments",
                "replicasets",
                "pods",
                "services",
                "endpointslices",
                "configmaps",
                "serviceaccounts",
                "poddisruptionbudgets",
            }
        )
        {
            await Eventually.HoldsAsync(
                async () => (await fleet.ListAsync(kind)) is { Count: > 0 } left ? $"{left.Count} {kind} are left" : null,
                Patience
            );
        }

        (await fleet.Operator.GetAsync("/metrics")).ShouldNotContain("fleet=\"quickstart\"");
    }

    [ClusterFact]
    public async Task Delete_Fleet_DrainsTheGatewaysBeforeTheBackendsGo()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var mark = shared.Cluster.Audit.Mark();

        await fleet.Kubectl.RunAsync("delete", "fleet", "quickstart", "-n", fleet.Namespace, "--timeout=180s");

        bool IsRelease(AuditedRequest request) =>
            request is { Resource: "connectionfleets", Verb: "patch", Subresource: "" } && request.User == fleet.Operator.User;

        var requests = (await shared.Cluster.Audit.SinceAsync(mark, IsRelease))
            .Where(request => request.User == fleet.Operator.User && request.IsWrite)
            .ToList();
        var lowered = requests.FindIndex(request => request is { Resource: "deployments", Verb: "patch" });
        var released = requests.FindIndex(IsRelease);
        lowered.ShouldBeInRange(0, released, string.Join('\n', requests));
    }

    [ClusterFact]
    public async Task Image_Changes_TheNewRevisionIsReadyBeforeTheOldGoes()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        var old = await GatewayDeploymentAsync(fleet);
        var mark = shared.Cluster.Audit.Mark();

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"gateway":{"image":"mooring/gateway:next"}}}"""
        );

        await Eventually.HoldsAsync(
            async () => (await fleet.ListAsync("deployments")).All(deployment => (string)deployment["metadata"]!["name"]! != old),
            Patience,
            "the old revision stays"
        );
        await fleet.WaitReadyAsync("quickstart");
        var requests = (await shared.Cluster.Audit.SinceAsync(mark, request => request.Name == old && request.Verb == "delete"))
            .Where(request => request.User == fleet.Operator.User && request.IsWrite)
            .ToList();
        var current = await GatewayDeploymentAsync(fleet);
        var surged = requests.FindIndex(request => request.Name == current);
        var lowered = requests.FindIndex(request => request.Name == old);
        surged.ShouldBeInRange(0, lowered, string.Join('\n', requests));
        requests.ShouldContain(request => request.Name == old && request.Verb == "delete");
    }

    [ClusterFact]
    public async Task Backend_TakenOut_ItsObjectsArePruned()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=json",
            "-p",
            """[{"op":"remove","path":"/spec/backends/1"},{"op":"remove","path":"/spec/listeners/1"}]"""
        );

        await Eventually.HoldsAsync(
            async () => (await fleet.ListAsync("deployments")).Count == 2 && (await fleet.ListAsync("services")).Count == 2,
            Patience,
            "the backend's objects stay"
        );
    }

    [ClusterFact]
    public async Task Backend_TakenOutWithConnections_DrainsBeforeItGoes()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        // No deadline ends the wait.
        await fleet.Kubectl.ApplyAsync(
            FleetFixture.Quickstart.Replace("- name: chat\n", "- name: chat\n    drainTimeout: 2h\n", StringComparison.Ordinal),
            fleet.Namespace
        );
        await fleet.WaitReadyAsync("quickstart");
        var pods = await ChatAsync("pods");
        pods.Count.ShouldBe(2);
        await using var gateways = await FakeLoad.StartAsync(fleet);
        var open = pods.ToDictionary(static pod => pod, static _ => 10);
        await gateways.ReportAsync("chat", open);

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=json",
            "-p",
            """[{"op":"replace","path":"/spec/listeners/1/backend","value":"echo"},{"op":"remove","path":"/spec/backends/1"}]"""
        );

        await SettleAsync(
            async () => gateways.Draining("chat").Order().SequenceEqual(pods.Order()) && gateways.Pace("chat") > 0 && await IsThereAsync(),
            "its connections are not sent away"
        );
        open = pods.ToDictionary(static pod => pod, static _ => 1);
        await SettleAsync(
            async () =>
                (await fleet.FleetAsync("quickstart"))["status"]!["workloads"]!
                    .AsArray()
                    .Any(static one => (string?)one!["name"] == "chat" && (int?)one["connections"] == 2),
            "the status does not show the rest"
        );
        (await IsThereAsync()).ShouldBeTrue();
        (await ChatAsync("pods")).ShouldBe(pods, ignoreOrder: true);

        open = [];
        await SettleAsync(
            async () =>
                (await ChatAsync("deployments")).Count == 0
                && (await ChatAsync("services")).Count == 0
                && (await ChatAsync("networkpolicies")).Count == 0,
            "the backend's objects stay"
        );

        async Task<bool> IsThereAsync() =>
            (await ChatAsync("deployments")).Count == 1
            && (await ChatAsync("services")).Count == 1
            && (await ChatAsync("networkpolicies")).Count == 1;

        async Task<List<string>> ChatAsync(string kind) =>
            [
                .. (await fleet.Kubectl.GetAsync(kind, "-n", fleet.Namespace, "-l", "mooring.dev/backend=chat"))["items"]!
                    .AsArray()
                    .Select(static item => (string)item!["metadata"]!["name"]!),
            ];

        // The gateways say it again and again.
        Task SettleAsync(Func<Task<bool>> holds, string otherwise) =>
            Eventually.HoldsAsync(
                async () =>
                {
                    await gateways.ReportAsync("chat", open);
                    return await holds() ? null : $"{otherwise}\n{fleet.Operator.Log}";
                },
                Patience
            );
    }

    [ClusterFact]
    public async Task Paused_Fleet_IsLeftAsItIs()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();
        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"paused":true}}"""
        );
        await PhaseAsync(fleet, "quickstart", "Paused");

        await fleet.Kubectl.RunAsync("delete", "poddisruptionbudget", "quickstart-gateway", "-n", fleet.Namespace);
        await fleet.Kubectl.RunAsync("annotate", "fleet", "quickstart", "seen=once", "-n", fleet.Namespace);
        await Eventually.HoldsAsync(async () => Reconciles(await fleet.Operator.GetAsync("/metrics")) > 0, Patience, "no reconcile");
        (await fleet.ListAsync("poddisruptionbudgets")).ShouldBeEmpty();

        await fleet.Kubectl.RunAsync(
            "patch",
            "fleet",
            "quickstart",
            "-n",
            fleet.Namespace,
            "--type=merge",
            "-p",
            """{"spec":{"paused":false}}"""
        );
        await PhaseAsync(fleet, "quickstart", "Ready");
        (await fleet.ListAsync("poddisruptionbudgets")).Count.ShouldBe(1);
    }

    [ClusterFact]
    public async Task ForeignObject_InTheWay_IsReportedAndNotTouched()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.RunAsync("create", "service", "clusterip", "quickstart-gateway", "--tcp=1:1", "-n", fleet.Namespace);
        await fleet.Kubectl.ApplyAsync(FleetFixture.Quickstart, fleet.Namespace);

        await Eventually.HoldsAsync(
            async () =>
            {
                var text = (await fleet.FleetAsync("quickstart"))["status"]?.ToJsonString() ?? "";
                return
                    text.Contains("ApplyFailed", StringComparison.Ordinal)
                    && text.Contains("Service quickstart-gateway", StringComparison.Ordinal)
                    ? null
                    : text;
            },
            Patience
        );
        var service = await fleet.Kubectl.GetAsync("service", "quickstart-gateway", "-n", fleet.Namespace);
        ((int)service["spec"]!["ports"]![0]!["port"]!).ShouldBe(1);
        service["metadata"]!["ownerReferences"].ShouldBeNull();

        await fleet.Kubectl.RunAsync("delete", "service", "quickstart-gateway", "-n", fleet.Namespace);
        await fleet.WaitReadyAsync("quickstart");
    }

    [ClusterFact]
    public async Task ServiceRef_EndpointsOfAForeignService_CountAsBackends()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.Kubectl.RunAsync(
            "create",
            "deployment",
            "app",
            "--image=none.invalid/app",
            "--replicas=2",
            "--port=8080",
            "-n",
            fleet.Namespace
        );
        await fleet.Kubectl.RunAsync("expose", "deployment", "app", "--port=80", "--target-port=8080", "-n", fleet.Namespace);
        await fleet.Kubectl.ApplyAsync(
            BadManifestTests.Simple(
                "refers",
                """
                spec:
                  listeners:
                  - {name: edge, protocol: TCP, port: 9000, backend: app}
                  backends:
                  - {name: app, serviceRef: {name: app, port: 80}}
                """
            ),
            fleet.Namespace
        );

        await fleet.WaitReadyAsync("refers");
        await Eventually.HoldsAsync(
            async () => (string?)(await fleet.FleetAsync("refers"))["status"]!["backends"]!["summary"] == "2/2",
            Patience,
            "one endpoint after the other, and both are seen"
        );
        await fleet.Kubectl.RunAsync("scale", "deployment", "app", "--replicas=3", "-n", fleet.Namespace);
        await Eventually.HoldsAsync(
            async () => (string?)(await fleet.FleetAsync("refers"))["status"]!["backends"]!["summary"] == "3/3",
            Patience,
            "the third endpoint is not seen"
        );
    }

    [ClusterFact]
    public async Task Probes_AndMetrics_AreServed()
    {
        await using var fleet = await FleetFixture.StartAsync(shared.Cluster);
        await fleet.ApplyQuickstartAsync();

        (await fleet.Operator.GetAsync("/healthz")).ShouldBe("ok\n");
        var metrics = await fleet.Operator.GetAsync("/metrics");
        metrics.ShouldContain($"mooring_fleet_gateways{{namespace=\"{fleet.Namespace}\",fleet=\"quickstart\",state=\"ready\"}} 2");
        metrics.ShouldContain($"mooring_fleet_condition{{namespace=\"{fleet.Namespace}\",fleet=\"quickstart\",type=\"Ready\"}} 1");
        metrics.ShouldContain("kubernetes_leader{lease=\"operator\"} 1");
        metrics.ShouldContain("kubernetes_client_request_duration_seconds_bucket{verb=\"apply\"");
        metrics.ShouldContain("kubernetes_workqueue_depth{queue=\"fleets\",priority=\"normal\"}");
        metrics.ShouldContain("mooring_objects_total{outcome=\"applied\"}");
        metrics.ShouldContain("dotnet_process_memory_working_set_bytes");
    }

    private static async Task<string> GatewayDeploymentAsync(FleetFixture fleet) =>
        (await fleet.ListAsync("deployments"))
            .Select(deployment => (string)deployment["metadata"]!["name"]!)
            .Single(name => name.StartsWith("quickstart-gateway-", StringComparison.Ordinal));

    private static Task PhaseAsync(FleetFixture fleet, string name, string phase) =>
        Eventually.HoldsAsync(
            async () =>
                (string?)(await fleet.FleetAsync(name))["status"]?["phase"] is var now && now == phase ? null : $"the phase is {now}",
            Patience
        );

    private static int Reconciles(string metrics) =>
        metrics.Split('\n').Count(line => line.StartsWith("kubernetes_controller_reconciles_total{", StringComparison.Ordinal));
}
