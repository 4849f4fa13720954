using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace Mooring.EndToEnd;

/// <summary>Thousands of WebSockets through all that happens to a fleet: nobody is dropped without a word, and nobody comes back faster than the fleet's rate.</summary>
/// <remarks><c>MOORING_E2E_CLIENTS</c> says how many clients; 2,000 by default.</remarks>
public sealed class DrainTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Rate = 100;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private readonly string _namespace = $"drain-{Guid.NewGuid():n}"[..12];

    private static int Clients => int.Parse(Environment.GetEnvironmentVariable("MOORING_E2E_CLIENTS") ?? "2000", null);

    private static string Manifest(string deadline) =>
        $"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {"{"}name: held{"}"}
            spec:
              gateway:
                replicas: 6
                service: {"{"}type: NodePort{"}"}
                capacity: {"{"}maxConnections: 5000{"}"}
                drain: {"{"}lameDuck: 3s, deadline: {deadline}, reconnectsPerSecond: {Rate}, jitter: 1s{"}"}
              listeners:
              - {"{"}name: live, protocol: WebSocket, port: 9001, backend: chat{"}"}
              backends:
              - name: chat
                workload: {"{"}image: "mooring/gateway:dev", command: [gateway, bench, echo, --websocket], replicas: 2{"}"}
            """;

    public async Task InitializeAsync()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")))
        {
            return;
        }

        await Shell.HelmAsync([
            "upgrade",
            "--install",
            "mooring",
            Path.Combine(Shell.Root, "charts/mooring"),
            "--namespace",
            "mooring-system",
            "--create-namespace",
            "--wait",
            "--timeout",
            "120s",
        ]);
        await Shell.KubectlAsync("create", "namespace", _namespace);
    }

    public async Task DisposeAsync()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")))
        {
            await Shell.KubectlAsync("delete", "namespace", _namespace, "--wait=false");
        }
    }

    [ClusterFact]
    public async Task HeldWebSockets_ThroughAllThatHappens_AreClosedOnlyWithAWordAndAtTheRate()
    {
        await Shell.ApplyAsync(Manifest("2m"), "-n", _namespace);
        await KubectlAsync("wait", "fleet/held", "--for=condition=Ready", "--timeout=110s");
        await using var clients = new HeldClients(await NodeAsync(), await PortAsync());
        await clients.HoldAsync(Clients, 400);
        await AllOpenAsync(clients);
        clients.Take();

        var before = await VersionsAsync();
        await Shell.ApplyAsync(Manifest("120s"), "-n", _namespace);
        await StatusAsync(static (fleet, status) => (int?)status["observedGeneration"] == (int?)fleet["metadata"]!["generation"]);
        (await VersionsAsync()).ShouldBe(before, "the same in other words wrote something");
        Judge("the same config in other words", clients, atMost: 0);

        var revision = (string)(await FleetAsync())["status"]!["rollout"]!["revision"]!;
        await PatchAsync("""{"spec":{"gateway":{"template":{"annotations":{"round":"2"}}}}}""");
        await StatusAsync(
            (_, status) => (string?)status["rollout"]!["revision"] != revision && (string?)status["rollout"]!["phase"] == "Complete"
        );
        await GonePodsAsync(6);
        await AllOpenAsync(clients);
        Judge("rollout of 6 gateways", clients);

        await KubectlAsync("scale", "fleet", "held", "--replicas=2");
        await GonePodsAsync(2);
        await AllOpenAsync(clients);
        Judge("scale-in 6 -> 2", clients);

        // What a node drain does to each gateway on the node.
        foreach (var pod in await PodsAsync())
        {
            await EvictAsync(pod);
        }

        await GonePodsAsync(2);
        await AllOpenAsync(clients);
        Judge("node drain, gateway by gateway", clients);

        // Two have everybody; two more come.
        await PatchAsync("""{"spec":{"scaling":{"rebalance":{"maxSkewPercent":20,"movesPerSecond":50}}}}""");
        await KubectlAsync("scale", "fleet", "held", "--replicas=4");
        await StatusAsync((_, status) => (int?)status["gateways"]!["ready"] == 4 && (int?)status["connections"]!["skewPercent"] > 50);
        await StatusAsync((_, status) => (int?)status["connections"]!["skewPercent"] <= 20);
        await AllOpenAsync(clients);
        // Half of them has to move; those that chance sends back move once more.
        Judge("rebalance after a scale-out 2 -> 4", clients, atMost: 2 * Clients);
    }

    private void Judge(string phase, HeldClients clients, int atMost = int.MaxValue)
    {
        var ends = clients.Take();
        output.WriteLine($"{phase}: {ends}; configured rate {Rate}/s");
        Console.WriteLine($"drain: {phase}: {ends}; configured rate {Rate}/s");
        ends.Unannounced.ShouldBe(0, phase);
        ends.Total.ShouldBeLessThanOrEqualTo(atMost, phase);
        ends.Codes.Keys.ShouldBeSubsetOf([1012], phase);
        // As they were sent. What the clients see of them, and how fast they are back, is printed: their machine may be late, and so two seconds' in one.
        ends.Sent.ShouldBeLessThanOrEqualTo(Rate, phase);
    }

    /// <summary>As <c>kubectl drain</c> does: asks again while the disruption budget says no, and then waits for the pod's end.</summary>
    private async Task EvictAsync(string pod)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = "policy/v1",
            ["kind"] = "Eviction",
            ["metadata"] = new JsonObject { ["name"] = pod, ["namespace"] = _namespace },
        };
        await Until.TrueAsync(
            async () =>
            {
                try
                {
                    await Shell.CreateRawAsync($"/api/v1/namespaces/{_namespace}/pods/{pod}/eviction", body.ToJsonString());
                    return true;
                }
                catch (InvalidOperationException refused) when (refused.Message.Contains("disruption budget", StringComparison.Ordinal))
                {
                    return false;
                }
            },
            Patience,
            $"{pod} may be evicted"
        );
        await Until.TrueAsync(async () => !(await PodsAsync()).Contains(pod), Patience, $"{pod} has ended");
    }

    private async Task<string> VersionsAsync() =>
        await KubectlAsync(
            "get",
            "deployments,configmaps,services,poddisruptionbudgets,pods",
            "-l",
            "app.kubernetes.io/managed-by=mooring",
            "-o",
            "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation} {.data}{.metadata.annotations}{\"\\n\"}{end}"
        );

    private Task GonePodsAsync(int left) =>
        Until.TrueAsync(async () => (await PodsAsync()).Count == left, Patience, $"{left} gateways are left");

    private async Task<IReadOnlyList<string>> PodsAsync() =>
        (await KubectlAsync("get", "pods", "-l", "mooring.dev/role=gateway", "-o", "jsonpath={.items[*].metadata.name}")).Split(
            ' ',
            StringSplitOptions.RemoveEmptyEntries
        );

    private static Task AllOpenAsync(HeldClients clients) =>
        Until.TrueAsync(() => Task.FromResult(clients.Open >= Clients), Patience, "every client is connected");

    private Task StatusAsync(Func<JsonNode, JsonNode, bool> holds) =>
        Until.TrueAsync(
            async () =>
            {
                var fleet = await FleetAsync();
                return fleet["status"] is { } status && holds(fleet, status);
            },
            Patience,
            "the status says so"
        );

    private async Task<JsonNode> FleetAsync() => JsonNode.Parse(await KubectlAsync("get", "fleet", "held", "-o", "json"))!;

    private Task PatchAsync(string patch) => KubectlAsync("patch", "fleet", "held", "--type=merge", "-p", patch);

    private Task<string> KubectlAsync(params string[] arguments) => Shell.KubectlAsync(["-n", _namespace, .. arguments]);

    private async Task<int> PortAsync() =>
        int.Parse(await KubectlAsync("get", "service", "held-gateway", "-o", "jsonpath={.spec.ports[0].nodePort}"), null);

    private static async Task<string> NodeAsync() =>
        Environment.GetEnvironmentVariable("MOORING_E2E_NODE")
        ?? await Shell.KubectlAsync("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}");
}
