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
            // Each new pod gets the next to come, being the one with the fewest: so those who stay are on three pods, two of which are not to stay.
            await staying.HoldAsync(20, 100);
            await leaving.HoldAsync(100, 100);
            await PodsServeAsync(ns, 2);
            await staying.HoldAsync(20, 100);
            await leaving.HoldAsync(120, 100);
            await PodsServeAsync(ns, 3);
            await staying.HoldAsync(20, 100);
            await leaving.HoldAsync(60, 100);
            await PodsServeAsync(ns, 4);
            await Until.TrueAsync(
                () => Task.FromResult(staying.Open + leaving.Open == 340),
                TestNamespace.Patience,
                "340 connections have four pods"
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
        ends.Total.ShouldBeGreaterThan(0, "whoever was on a pod that went was sent away");
        ends.Unannounced.ShouldBe(0);
        ends.Codes.Keys.ShouldBeSubsetOf([1012]);
        ends.Sent.ShouldBeLessThanOrEqualTo(100);
    }

    private static Task PodsServeAsync(TestNamespace ns, int count) =>
        ns.UntilAsync("follow", status => (int?)status["backends"]?["ready"] >= count, $"{count} pods serve");
}
