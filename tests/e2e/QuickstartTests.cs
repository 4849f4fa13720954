using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Mooring.EndToEnd;

/// <summary>From <c>helm install</c> and <c>kubectl apply</c> to bytes through the Service, with real pods.</summary>
public sealed class QuickstartTests : IAsyncLifetime
{
    private const string System = "mooring-system";
    private readonly string _namespace = $"e2e-{Guid.NewGuid():n}"[..12];

    /// <summary>Address of a node for NodePorts; the first node's InternalIP unless MOORING_E2E_NODE names one.</summary>
    private static async Task<string> NodeAsync() =>
        Environment.GetEnvironmentVariable("MOORING_E2E_NODE")
        ?? await Shell.KubectlAsync("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}");

    public async Task InitializeAsync()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")))
        {
            return;
        }

        await Shell.HelmAsync(
            "upgrade",
            "--install",
            "mooring",
            Path.Combine(Shell.Root, "charts/mooring"),
            "--namespace",
            System,
            "--create-namespace",
            "--wait",
            "--timeout",
            "120s"
        );
        await Shell.KubectlAsync("create", "namespace", _namespace);
    }

    public async Task DisposeAsync()
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBECONFIG")))
        {
            await Shell.KubectlAsync("delete", "namespace", _namespace, "--wait=true", "--timeout=120s");
        }
    }

    [ClusterFact]
    public async Task Quickstart_Applied_CarriesTcpAndWebSocketThroughTheService()
    {
        var manifest = await File.ReadAllTextAsync(Path.Combine(Shell.Root, "config/samples/quickstart.yaml"));
        await Shell.ApplyAsync(manifest, "-n", _namespace);
        await Shell.KubectlAsync(
            "-n",
            _namespace,
            "patch",
            "fleet",
            "quickstart",
            "--type=merge",
            "-p",
            """{"spec":{"gateway":{"service":{"type":"NodePort"}}}}"""
        );
        await Shell.KubectlAsync("-n", _namespace, "wait", "fleet/quickstart", "--for=condition=Ready", "--timeout=110s");

        var table = await Shell.KubectlAsync("-n", _namespace, "get", "fleets");
        table.ShouldContain("2/2");
        table.ShouldContain("4/4");

        var ports = await ServicePortsAsync();
        var node = await NodeAsync();
        (await EchoLineAsync(node, ports["echo"], "hello through a real Service")).ShouldBe("hello through a real Service");
        (await EchoMessageAsync(node, ports["live"], "hello WebSocket")).ShouldBe("hello WebSocket");

        await Shell.KubectlAsync("-n", _namespace, "delete", "fleet", "quickstart", "--wait=true", "--timeout=110s");
        await Until.TrueAsync(
            async () => (await Shell.KubectlAsync("-n", _namespace, "get", "deployments,services,pdb", "-o", "name")).Trim().Length == 0,
            TimeSpan.FromSeconds(60),
            "the fleet's objects are gone"
        );
    }

    private async Task<Dictionary<string, int>> ServicePortsAsync()
    {
        var json = await Shell.KubectlAsync("-n", _namespace, "get", "services", "-l", "mooring.dev/fleet=quickstart", "-o", "json");
        using var document = JsonDocument.Parse(json);
        return document
            .RootElement.GetProperty("items")
            .EnumerateArray()
            .Where(service => service.GetProperty("spec").GetProperty("type").GetString() == "NodePort")
            .SelectMany(service => service.GetProperty("spec").GetProperty("ports").EnumerateArray())
            .ToDictionary(port => port.GetProperty("name").GetString()!, port => port.GetProperty("nodePort").GetInt32());
    }

    private static async Task<string?> EchoLineAsync(string host, int port, string line)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = new TcpClient();
        await client.ConnectAsync(host, port, limit.Token);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), limit.Token);
        using var reader = new StreamReader(stream);
        return await reader.ReadLineAsync(limit.Token);
    }

    private static async Task<string> EchoMessageAsync(string host, int port, string message)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://{host}:{port}/"), limit.Token);
        await client.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
        var buffer = new byte[1024];
        var result = await client.ReceiveAsync(buffer, limit.Token);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}
