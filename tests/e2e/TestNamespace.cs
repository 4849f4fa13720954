using System.Text.Json.Nodes;

// One release of the chart, one node: tests that install and drain do so one after another.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Mooring.EndToEnd;

/// <summary>A namespace of its own on the cluster of KUBECONFIG, with the chart installed. Everything in it goes with it.</summary>
internal sealed class TestNamespace : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private TestNamespace(string name) => Name = name;

    public string Name { get; }

    public static async Task<TestNamespace> CreateAsync(string prefix)
    {
        await Shell.HelmAsync(
            "upgrade",
            "--install",
            "mooring",
            Path.Combine(Shell.Root, "charts/mooring"),
            "--namespace",
            "mooring-system",
            "--create-namespace",
            "--wait",
            "--timeout",
            "120s"
        );
        var name = $"{prefix}-{Guid.NewGuid():n}"[..14];
        await Shell.KubectlAsync("create", "namespace", name);
        return new TestNamespace(name);
    }

    public Task<string> KubectlAsync(params string[] arguments) => Shell.KubectlAsync(["-n", Name, .. arguments]);

    public Task<string> ApplyAsync(string manifest) => Shell.ApplyAsync(manifest, "-n", Name);

    public Task<string> PatchAsync(string fleet, string patch) => KubectlAsync("patch", "fleet", fleet, "--type=merge", "-p", patch);

    public async Task<JsonNode> StatusAsync(string fleet) =>
        JsonNode.Parse(await KubectlAsync("get", "fleet", fleet, "-o", "json"))!["status"] ?? new JsonObject();

    /// <summary>Waits until the status is as asked; the exception has the last one.</summary>
    public async Task UntilAsync(string fleet, Func<JsonNode, bool> holds, string what)
    {
        JsonNode? last = null;
        try
        {
            await Until.TrueAsync(async () => holds(last = await StatusAsync(fleet)), Patience, what);
        }
        catch (TimeoutException timeout)
        {
            throw new TimeoutException($"{timeout.Message}; the status is {last?.ToJsonString()}", timeout);
        }
    }

    /// <summary>Names of the pods with a label that are not ending.</summary>
    public async Task<IReadOnlyList<string>> PodsAsync(string label) =>
        [
            .. JsonNode.Parse(await KubectlAsync("get", "pods", "-l", label, "-o", "json"))!["items"]!
                .AsArray()
                .Where(static pod => pod!["metadata"]!["deletionTimestamp"] is null)
                .Select(static pod => (string)pod!["metadata"]!["name"]!),
        ];

    public async Task<int> NodePortAsync(string service) =>
        int.Parse(await KubectlAsync("get", "service", service, "-o", "jsonpath={.spec.ports[0].nodePort}"), null);

    public static async Task<string> NodeAsync() =>
        Environment.GetEnvironmentVariable("MOORING_E2E_NODE")
        ?? await Shell.KubectlAsync("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}");

    public async ValueTask DisposeAsync() => await Shell.KubectlAsync("delete", "namespace", Name, "--wait=false");
}
