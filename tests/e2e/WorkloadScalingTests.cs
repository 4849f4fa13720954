using Xunit.Abstractions;

namespace Mooring.EndToEnd;

/// <summary>Workload pods that follow real WebSockets, on real pods.</summary>
public sealed class WorkloadScalingTests(ITestOutputHelper output)
{
    private const string Pods = "mooring.dev/backend=chat";

    private const string Manifest = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: follow}
        spec:
          gateway:
            replicas: 2
            service: {type: NodePort}
            drain: {deadline: 2m, reconnectsPerSecond: 50, jitter: 0s}
          listeners:
          - {name: live, protocol: WebSocket, port: 9001, backend: chat}
          backends:
          - name: chat
            workload:
              image: "mooring/gateway:dev"
              command: [gateway, bench, echo, --websocket]
              maxConnections: 100
              scaling: {maxReplicas: 4, scaleUpCooldown: 0s, scaleDownCooldown: 0s}
        """;

    [ClusterFact]
    public async Task Workload_FollowsTheConnections_AndNobodyIsDroppedWithoutAWord()
    {
        await using var ns = await TestNamespace.CreateAsync("follow");
        await ns.ApplyAsync(Manifest);
        await ns.KubectlAsync("wait", "fleet/follow", "--for=condition=Ready", "--timeout=110s");
        var (node, port) = (await TestNamespace.NodeAsync(), await ns.NodePortAsync("follow-gateway"));
        await using var staying = new HeldClients(node, port);
        await using (var leaving = new HeldClients(node, port))
        {
            await leaving.HoldAsync(240, 100);
            await Until.TrueAsync(
                async () => (await ns.PodsAsync(Pods)).Count >= 3,
                TestNamespace.Patience,
                "240 connections have three pods"
            );
            await staying.HoldAsync(60, 100);
            await Until.TrueAsync(
                async () => (await ns.PodsAsync(Pods)).Count == 4 && staying.Open + leaving.Open == 300,
                TestNamespace.Patience,
                "300 connections have four pods"
            );
            leaving.Take().Total.ShouldBe(0);
        }

        staying.Take().Total.ShouldBe(0, "more pods are nobody's trouble");
        await ns.UntilAsync("follow", static status => (int?)status["workloads"]?[0]?["replicas"] <= 2, "fewer are wanted");
        await Until.TrueAsync(
            async () => (await ns.PodsAsync(Pods)).Count <= 2 && staying.Open == 60,
            TestNamespace.Patience,
            "60 connections have no more than two pods"
        );
        var ends = staying.Take();
        output.WriteLine($"{ends}");
        Console.WriteLine($"workload scale-in: {ends}; configured rate 50/s");
        ends.Unannounced.ShouldBe(0);
        ends.Codes.Keys.ShouldBeSubsetOf([1012]);
        ends.Sent.ShouldBeLessThanOrEqualTo(100);
    }
}
