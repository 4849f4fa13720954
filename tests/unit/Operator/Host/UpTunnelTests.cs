using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Operator.Host.Sockets;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>Tunnels of a host: <c>operator up</c>, its gateways, its Redis and <c>gateway tunnel</c>, all of them processes.</summary>
[Collection(nameof(UpTests))]
public sealed class UpTunnelTests
{
    private const int Replace = 12;

    [Fact]
    public async Task Up_GatewaysReplaced_TunnelsComeBackWithTheirPorts_VisitorsStay()
    {
        using var service = new EchoService();
        await using var up = new UpProcess(Manifest);
        await up.ReadyAsync();
        await using var client = new TunnelProcess("--to", $"127.0.0.1:{up.TcpPort}", "--local", $"{service.Port}", "-o", "json");
        await up.UntilAsync(() => client.Ports.Count == 1, "the tunnel is open");
        var port = client.Ports[0];
        using var held = await VisitAsync(up, port);
        (await up.EchoesAsync(held)).ShouldBeTrue();

        // What the operator's API says of it.
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{up.HttpPort}") };
        JsonElement tunnel = default;
        await Until.TrueAsync(
            async () =>
            {
                using var json = JsonDocument.Parse(await http.GetStringAsync("/api/v1/fleets/default/tunnels/tunnels", up.Deadline));
                tunnel = json.RootElement.GetProperty("tunnels").EnumerateArray().Single().Clone();
                return tunnel.GetProperty("receivedBytesTotal").GetInt64() >= 16;
            },
            TimeSpan.FromSeconds(60),
            "the API knows the tunnel"
        );
        tunnel.GetProperty("ports")[0].GetString().ShouldBe($"tcp:{port}");
        tunnel.GetProperty("state").GetString().ShouldBe("Connected");
        tunnel.GetProperty("visitors").GetInt32().ShouldBe(1);

        var before = up.Fleet!.Gateways.Select(static gateway => gateway.ProcessId).ToHashSet();
        up.Signal(Replace);
        await up.UntilAsync(() => client.Ports.Count >= 2, $"the client is sent to a new gateway: {client.Said}");
        client.Ports.ShouldAllBe(one => one == port);
        using var late = await VisitAsync(up, port);
        (await up.EchoesAsync(late)).ShouldBeTrue("new visitors are served");
        (await up.EchoesAsync(held)).ShouldBeTrue("a visitor under way stays");
        held.Dispose();
        late.Dispose();
        await up.UntilAsync(
            fleet =>
                fleet is { GatewaysReady: 2, GatewaysDraining: 0, Gateways.Count: 2 }
                && !fleet.Gateways.Any(gateway => before.Contains(gateway.ProcessId)),
            "the replacement"
        );
        client.Ports.ShouldAllBe(one => one == port);
        using var last = await VisitAsync(up, port);
        (await up.EchoesAsync(last)).ShouldBeTrue();
    }

    private static async Task<TcpClient> VisitAsync(UpProcess up, int port)
    {
        while (true)
        {
            var visitor = new TcpClient();
            try
            {
                await visitor.ConnectAsync(IPAddress.Loopback, port, up.Deadline);
                return visitor;
            }
            catch (SocketException) when (!up.Deadline.IsCancellationRequested)
            {
                // Between two owners the port is nobody's for a moment.
                visitor.Dispose();
                await Task.Delay(50, up.Deadline);
            }
        }
    }

    private static string Manifest(UpProcess up)
    {
        var range = FreePorts.Find(new HashSet<int>());
        return $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: tunnels}
            spec:
              gateway:
                replicas: 2
                drain: {lameDuck: 200ms, deadline: 60s}
              listeners:
              - {name: bore, protocol: Tunnel, port: {{up.TcpPort}}, tunnel: {portRange: {start: {{61_000 + range % 4000}}, end: {{61_020
                + range % 4000}} } } }

            """;
    }

    private sealed class TunnelProcess : IAsyncDisposable
    {
        private readonly ConcurrentQueue<string> _lines = new();
        private readonly Process _process;

        public TunnelProcess(params IEnumerable<string> arguments)
        {
            var start = new ProcessStartInfo(UpProcess.GatewayPath, ["tunnel", .. arguments])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            };
            _process = Process.Start(start)!;
            _process.OutputDataReceived += (_, line) => _lines.Enqueue(line.Data ?? "");
            _process.BeginOutputReadLine();
        }

        public string Said => string.Join('\n', _lines);

        /// <summary>The public port of each time that the tunnel was opened.</summary>
        public IReadOnlyList<int> Ports =>
            [
                .. _lines
                    .Where(static line => line.Contains("\"event\":\"open\"", StringComparison.Ordinal))
                    .Select(static line =>
                    {
                        using var json = JsonDocument.Parse(line);
                        return json.RootElement.GetProperty("port").GetInt32();
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
