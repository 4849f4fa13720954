using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Operators;

/// <summary>A namespace of its own with an operator that reconciles it, and a stand-in for the kubelet: what most tests start from.</summary>
internal sealed class FleetFixture : IAsyncDisposable
{
    private readonly StandInKubelet _kubelet;

    private FleetFixture(TestCluster cluster, string ns, OperatorProcess @operator, Func<JsonNode, bool> runs)
    {
        (Cluster, Namespace, Operator) = (cluster, ns, @operator);
        _kubelet = new StandInKubelet(cluster, ns, pod => pod["metadata"]!["deletionTimestamp"] is null ? runs(pod) : MayGo(pod));
    }

    public TestCluster Cluster { get; }

    public string Namespace { get; }

    public OperatorProcess Operator { get; }

    public Kubectl Kubectl => Cluster.Kubectl;

    /// <summary>Which of the pods that are to go are gone. Default: all, at once.</summary>
    public Func<JsonNode, bool> MayGo { get; set; } = static _ => true;

    public static string Quickstart => File.ReadAllText(RepositoryRoot.File("config", "samples", "quickstart.yaml"));

    public static Task<FleetFixture> StartAsync(TestCluster cluster, params IEnumerable<string> arguments) =>
        StartAsync(cluster, static _ => true, static _ => Task.CompletedTask, arguments);

    /// <param name="runs">Which pods the kubelet's stand-in lets run.</param>
    public static Task<FleetFixture> StartAsync(TestCluster cluster, Func<JsonNode, bool> runs, params IEnumerable<string> arguments) =>
        StartAsync(cluster, runs, static _ => Task.CompletedTask, arguments);

    /// <param name="prepare">Called with the operator's account before the operator starts.</param>
    public static Task<FleetFixture> StartAsync(
        TestCluster cluster,
        Func<OperatorRole, Task> prepare,
        params IEnumerable<string> arguments
    ) => StartAsync(cluster, static _ => true, prepare, arguments);

    private static async Task<FleetFixture> StartAsync(
        TestCluster cluster,
        Func<JsonNode, bool> runs,
        Func<OperatorRole, Task> prepare,
        IEnumerable<string> arguments
    )
    {
        var ns = await cluster.CreateNamespaceAsync("fleet");
        var role = await OperatorRole.CreateAsync(cluster);
        await prepare(role);
        var @operator = await OperatorProcess.StartAsync(cluster, role, ["--namespace", ns, .. arguments]);
        return new FleetFixture(cluster, ns, @operator, runs);
    }

    /// <summary>Applies the quickstart and waits until it is ready.</summary>
    public async Task ApplyQuickstartAsync()
    {
        await Kubectl.ApplyAsync(Quickstart, Namespace);
        await WaitReadyAsync("quickstart");
    }

    public async Task WaitReadyAsync(string fleet, TimeSpan? deadline = null) =>
        await Eventually.HoldsAsync(
            async () =>
            {
                var status = (await FleetAsync(fleet))["status"];
                var ready = status?["conditions"]?.AsArray().FirstOrDefault(condition => (string?)condition!["type"] == "Ready");
                return (string?)ready?["status"] == "True" ? null : $"status {status?.ToJsonString()}\n{Operator.Log}";
            },
            deadline ?? TimeSpan.FromMinutes(3)
        );

    public Task<JsonNode> FleetAsync(string name) => Kubectl.GetAsync("fleet", name, "-n", Namespace);

    /// <summary>Objects of one kind, by name.</summary>
    public async Task<IReadOnlyList<JsonNode>> ListAsync(string kind) =>
        [
            .. (await Kubectl.GetAsync(kind, "-n", Namespace, "-l", "app.kubernetes.io/managed-by=mooring"))["items"]!
                .AsArray()
                .Select(item => item!),
        ];

    public async ValueTask DisposeAsync()
    {
        await _kubelet.DisposeAsync();
        await Operator.DisposeAsync();
    }
}
