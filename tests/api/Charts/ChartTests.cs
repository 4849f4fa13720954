using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;
using Mooring.Contracts.Stream;

namespace Mooring.Api.Tests.Charts;

/// <summary>The chart, installed, upgraded, asked and uninstalled on a real API server; its pods' programs run here, with the rights that it gives them.</summary>
[Collection(InstallationCollection.Name)]
public sealed class ChartTests(EmptyCluster shared) : IClassFixture<EmptyCluster>
{
    private const string Own = "mooring-system";
    private const string Registration = "v1beta1.external.metrics.k8s.io";

    private readonly Helm _helm = new(shared.Cluster);

    private Kubectl Kubectl => shared.Cluster.Kubectl;

    [HelmFact]
    public async Task Release_InstalledUpgradedAskedAndUninstalled()
    {
        await Kubectl.RunAsync("create", "namespace", Own);
        // Whatever the chart brings has to be restricted.
        await Kubectl.RunAsync("label", "namespace", Own, "pod-security.kubernetes.io/enforce=restricted");
        await using var nodes = new StandInKubelet(
            shared.Cluster,
            Own,
            pod =>
                (string?)pod["metadata"]!["labels"]?["app.kubernetes.io/name"] == "mooring-operator"
                || pod["metadata"]!["deletionTimestamp"] is not null
        );

        await _helm.RunAsync("install", "mooring", OldChart.Write(shared.Cluster), "-n", Own, "--wait", "--timeout", "2m");
        (await Kubectl.GetAsync("deployment", "mooring", "-n", Own))["status"]!["readyReplicas"]!.GetValue<int>().ShouldBe(2);

        var shop = await shared.Cluster.CreateNamespaceAsync("shop");
        await using var shopNodes = new StandInKubelet(shared.Cluster, shop);
        var role = await OperatorRole.OfReleaseAsync(shared.Cluster, Own, "mooring");
        await using var @operator = await OperatorProcess.StartAsync(shared.Cluster, role);
        await Kubectl.ApplyAsync(
            FleetFixture.Quickstart + "\n  nodeTuning: {mode: Apply, sysctls: [{name: fs.nr_open, value: '3000000'}]}\n",
            shop
        );
        await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", shop);
        (await PresetAsync(shop)).Errors.ShouldContain($".spec.{OldChart.LaterField}: field not declared in schema");

        await UpgradeAsync(shop);
        await using var hooks = new HookPods(shared.Cluster, Own, () => @operator.HttpPort);
        await TestAsync(hooks, @operator, role);
        await UninstallAsync(shop, hooks, @operator);
    }

    private async Task UpgradeAsync(string shop)
    {
        var before = await Kubectl.GetAsync("fleet", "quickstart", "-n", shop);

        await _helm.RunAsync("upgrade", "mooring", Helm.Chart, "-n", Own, "--wait", "--timeout", "2m");

        var after = await Kubectl.GetAsync("fleet", "quickstart", "-n", shop);
        ((string?)after["metadata"]!["uid"]).ShouldBe((string?)before["metadata"]!["uid"]);
        after["spec"]!.ToJsonString().ShouldBe(before["spec"]!.ToJsonString());
        await Eventually.HoldsAsync(
            async () => await PresetAsync(shop) is { Succeeded: false } refused ? refused.Errors : null,
            TimeSpan.FromMinutes(3)
        );
        await Kubectl.RunAsync("wait", "--for=condition=Ready", "fleet/quickstart", "--timeout=180s", "-n", shop);
    }

    /// <summary>helm test, and the same check where something is wrong.</summary>
    private async Task TestAsync(HookPods hooks, OperatorProcess @operator, OperatorRole role)
    {
        var tested = await _helm.TryAsync("test", "mooring", "-n", Own, "--timeout", "2m");
        tested.Succeeded.ShouldBeTrue($"{tested.Errors}\n{string.Join('\n', hooks.Logs)}");
        var log = string.Join('\n', hooks.Logs);
        log.ShouldContain("ok: one of them leads");
        log.ShouldNotContain("failed:");

        await using var check = ChildProcess.Start(
            OperatorProcess.Program,
            [
                "check",
                "--kubeconfig",
                shared.Cluster.AdminKubeconfig,
                "--operator-namespace",
                role.Namespace,
                "--lease",
                "nobodys",
                "--metrics-api",
                "--http",
                $"http://127.0.0.1:{@operator.HttpPort}",
                "--timeout",
                "1s",
            ],
            shared.Cluster.InFolder("failing-check.log")
        );
        (await check.WaitForExitAsync(TimeSpan.FromMinutes(3))).ShouldBe(1);
        check.Log.ShouldContain($"failed: one of them leads: there is no Lease {Own}/nobodys");
        check.Log.ShouldContain("failed: external.metrics.k8s.io is served: not available");
        check.Log.ShouldContain("ok: a replica is ready");
    }

    private async Task UninstallAsync(string shop, HookPods hooks, OperatorProcess @operator)
    {
        await using var tuner = await TunerAsync(shop, @operator);
        var mark = shared.Cluster.Audit.Mark();
        var uninstalling = _helm.TryAsync("uninstall", "mooring", "-n", Own, "--timeout", "3m");
        var off = (await tuner.ReceiveAsync<TuningMessage>(message => message.Mode == TuningMode.Off)).ShouldNotBeNull();
        (await Kubectl.GetAsync("deployment", "mooring", "-n", Own)).ShouldNotBeNull("the operator is needed until the nodes are restored");
        await tuner.SendAsync(
            new TuningReport
            {
                Hash = off.Hash,
                Node = TestCluster.Node,
                Kernel = "6.1.0",
                Items = [],
            }
        );

        var result = await uninstalling;

        result.Succeeded.ShouldBeTrue($"{result.Output}{result.Errors}\n{string.Join('\n', hooks.Logs)}");
        var requests = await shared.Cluster.Audit.SinceAsync(mark);
        var deregistered = requests.First(request => request is { Verb: "delete", Resource: "apiservices", Name: Registration });
        var deleted = requests.First(request => request is { Verb: "delete", Resource: "connectionfleets" });
        deregistered.At.ShouldBeLessThan(deleted.At);
        (await Kubectl.GetAsync("fleets", "-A"))["items"]!.AsArray().Count.ShouldBe(0, "the definition is kept, and no fleet");
        foreach (var left in new[] { "deployments", "clusterroles", "clusterrolebindings", "apiservices", "serviceaccounts", "jobs" })
        {
            (await Kubectl.GetAsync(left, "-A", "-l", "app.kubernetes.io/part-of=mooring"))["items"]!.AsArray().Count.ShouldBe(0, left);
        }

        // Neither a finalizer nor a registration without its server holds it up.
        await Kubectl.RunAsync("delete", "namespace", shop, "--timeout=180s");
        await Kubectl.RunAsync("delete", "namespace", Own, "--timeout=180s");
        await Kubectl.RunAsync("delete", "crd", "connectionfleets.mooring.dev", "--timeout=180s");
    }

    private async Task<FakeGateway> TunerAsync(string shop, OperatorProcess @operator)
    {
        JsonNode? pod = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                pod = (await Kubectl.GetAsync("pods", "-n", shop, "-l", "mooring.dev/role=tuner"))["items"]!.AsArray().FirstOrDefault();
                var sets = (await Kubectl.GetAsync("daemonsets", "-n", shop))["items"]!.AsArray();
                return pod is not null && sets is [var set] && (int?)set!["status"]?["numberReady"] == 1;
            },
            TimeSpan.FromMinutes(3),
            "no tuner"
        );
        var name = (string)pod!["metadata"]!["name"]!;
        var token = await Kubectl.RunAsync(
            "create",
            "token",
            "quickstart-tuner",
            "-n",
            shop,
            "--audience=mooring",
            "--bound-object-kind=Pod",
            $"--bound-object-name={name}"
        );
        var map = await Kubectl.GetAsync("configmap", "quickstart-gateway", "-n", shop);
        return await FakeGateway.ConnectAsync(
            @operator.StreamPort,
            (string)map["data"]!["ca.crt"]!,
            token.Trim(),
            $"{shop}/quickstart",
            name,
            StreamRole.Tuner
        );
    }

    private Task<KubectlResult> PresetAsync(string shop) =>
        Kubectl.TryWithInputAsync(
            FleetFixture.Quickstart + $"\n  {OldChart.LaterField}: Small\n",
            "apply",
            "--server-side",
            "--field-manager=a-test",
            "--force-conflicts",
            "--dry-run=server",
            "-n",
            shop,
            "-f",
            "-"
        );
}
