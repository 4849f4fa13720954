using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mooring.EndToEnd;

/// <summary>A tunnel from outside of the cluster through the Service: gateways and Redis as pods, the client a process here.</summary>
public sealed class TunnelTests
{
    private const string Fleet = "tunnels";

    /// <summary>Any image with redis-server that the nodes have or can pull.</summary>
    private static readonly string RedisImage =
        Environment.GetEnvironmentVariable("MOORING_E2E_REDIS_IMAGE") ?? "docker.io/library/redis:7";

    [ClusterFact]
    public async Task Tunnel_GatewayPodDeleted_ComesBackWithItsPort()
    {
        await using var space = await TestNamespace.CreateAsync("tunnels");
        await space.ApplyAsync(Redis);
        await space.KubectlAsync("wait", "pod/redis", "--for=condition=Ready", "--timeout=110s");
        // By address: the cluster may have no DNS.
        var redis = await space.KubectlAsync("get", "service", "redis", "-o", "jsonpath={.spec.clusterIP}");
        await space.ApplyAsync(Manifest(redis.Trim()));
        await space.KubectlAsync("wait", $"fleet/{Fleet}", "--for=condition=Ready", "--timeout=110s");
        var ports = await NodePortsAsync(space);
        var node = await TestNamespace.NodeAsync();

        using var service = new EchoService();
        await using var client = new TunnelProcess(
            "open-sesame",
            ["--to", $"{node}:{ports[7835]}", "--local", $"{service.Port}", "-o", "json"]
        );
        await Until.TrueAsync(() => client.Opened.Count > 0, TestNamespace.Patience, "the tunnel is open");
        var (port, owner) = client.Opened[0];
        port.ShouldBeInRange(20000, 20003);
        // kube-proxy spreads them: all of so many reach one and the same gateway once in a million runs.
        for (var i = 0; i < 20; i++)
        {
            await ShouldEchoAsync(node, ports[port]);
        }

        await space.KubectlAsync("delete", "pod", owner, "--wait=false");
        await Until.TrueAsync(
            () => client.Opened.Skip(1).Any(open => open.Gateway != owner),
            TestNamespace.Patience,
            $"the tunnel is open on another gateway: {client.Said}"
        );
        client.Opened.ShouldAllBe(open => open.Port == port);
        for (var i = 0; i < 20; i++)
        {
            await ShouldEchoAsync(node, ports[port]);
        }

        await space.KubectlAsync("delete", "fleet", Fleet, "--wait=true", "--timeout=110s");
    }

    private static async Task ShouldEchoAsync(string node, int port) =>
        await Until.TrueAsync(
            async () =>
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(15));
                using var visitor = new TcpClient();
                await visitor.ConnectAsync(node, port, limit.Token);
                var words = Encoding.ASCII.GetBytes($"{Guid.NewGuid():N}");
                await visitor.GetStream().WriteAsync(words, limit.Token);
                var answer = new byte[words.Length];
                await visitor.GetStream().ReadExactlyAsync(answer, limit.Token);
                return answer.AsSpan().SequenceEqual(words);
            },
            TestNamespace.Patience,
            "a visitor is served"
        );

    /// <summary>Of the fleet's Service: the node port of each port.</summary>
    private static async Task<Dictionary<int, int>> NodePortsAsync(TestNamespace space)
    {
        var services = JsonNode.Parse(await space.KubectlAsync("get", "services", "-l", $"mooring.dev/fleet={Fleet}", "-o", "json"))!;
        return services["items"]!
            .AsArray()
            .Where(static service => (string)service!["spec"]!["type"]! == "NodePort")
            .SelectMany(static service => service!["spec"]!["ports"]!.AsArray())
            .ToDictionary(static port => (int)port!["port"]!, static port => (int)port!["nodePort"]!);
    }

    private static string Redis =>
        $$"""
            apiVersion: v1
            kind: Secret
            metadata: {name: redis}
            stringData: {password: a-password}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: redis, labels: {app: redis} }
            spec:
              automountServiceAccountToken: false
              securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault} }
              containers:
              - name: redis
                image: {{RedisImage}}
                imagePullPolicy: IfNotPresent
                command: [redis-server, --save, '', --requirepass, $(PASSWORD)]
                env:
                - {name: PASSWORD, valueFrom: {secretKeyRef: {name: redis, key: password} } }
                ports: [{containerPort: 6379}]
                readinessProbe: {tcpSocket: {port: 6379}, periodSeconds: 1}
                securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]} }
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: redis}
            spec: {selector: {app: redis}, ports: [{port: 6379}]}
            """;

    private static string Manifest(string redis) =>
        $$"""
            apiVersion: v1
            kind: Secret
            metadata: {name: bore}
            stringData: {secret: open-sesame}
            ---
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: {{Fleet}}}
            spec:
              gateway:
                replicas: 2
                service: {type: NodePort}
                drain: {lameDuck: 1s, deadline: 30s}
              registry:
                redis: {addresses: ['{{redis}}:6379'], passwordRef: {name: redis, key: password} }
              listeners:
              - name: bore
                protocol: Tunnel
                port: 7835
                tunnel: {portRange: {start: 20000, end: 20003}, secretRef: {name: bore, key: secret} }
            """;

    /// <summary><c>gateway tunnel</c>.</summary>
    private sealed class TunnelProcess : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _lines = new();
        private readonly Process _process;

        public TunnelProcess(string secret, IEnumerable<string> arguments)
        {
            var configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'));
            var program = Path.Combine(Shell.Root, "artifacts", "bin", "Mooring.Gateway", configuration, "gateway");
            var start = new ProcessStartInfo(program, ["tunnel", .. arguments]) { UseShellExecute = false, RedirectStandardOutput = true };
            start.Environment["MOORING_SECRET"] = secret;
            _process = Process.Start(start)!;
            _process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
            _process.BeginOutputReadLine();
        }

        public string Said => string.Join('\n', _lines);

        /// <summary>Each time that it was opened.</summary>
        public IReadOnlyList<(int Port, string Gateway)> Opened =>
            [
                .. _lines
                    .Where(static line => line.Contains("\"event\":\"open\"", StringComparison.Ordinal))
                    .Select(static line =>
                    {
                        using var json = JsonDocument.Parse(line);
                        return (json.RootElement.GetProperty("port").GetInt32(), json.RootElement.GetProperty("gateway").GetString()!);
                    }),
            ];

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                _process.Kill();
                await _process.WaitForExitAsync();
            }

            _process.Dispose();
        }
    }
}
