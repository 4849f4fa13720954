using System.Globalization;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Handover;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Limits.Overload;

/// <summary>Clients that connect to a WebSocket listener and never finish their request; against a process of its own, so that its memory is the gateway's alone.</summary>
public sealed class SlowClientTests : IDisposable
{
    private const int Clients = 2000;

    /// <summary>Resident memory of one that sends a byte at a time, at most: its channel, the handshake's state, and a buffer of 512.</summary>
    private const long MostBytes = 8192;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slow-clients");

    [Fact]
    public async Task SilentAndSlow_ByTheThousands_CostLittleAndHarmNobody()
    {
        await using var backend = await EchoBackend.StartAsync();
        var port = EngineProbes.ClosedPort();
        using var gateway = await StartAsync(port, backend.Port, TimeSpan.FromMinutes(5));
        var warmUp = await FillAsync(port, 100);
        await AskAsync(port);
        var before = Resident(gateway);

        var slow = await FillAsync(port, Clients);
        // Whoever comes later is served, so these are in by then.
        await AskAsync(port);
        var resident = Resident(gateway) - before;

        (resident / Clients).ShouldBeLessThan(MostBytes);
        slow.ForEach(client => client.Dispose());
        warmUp.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task ByteAfterByte_DoesNotPutTheDeadlineOff()
    {
        await using var backend = await EchoBackend.StartAsync();
        var port = EngineProbes.ClosedPort();
        using var gateway = await StartAsync(port, backend.Port, TimeSpan.FromSeconds(1));
        var slow = await FillAsync(port, 200);
        await Until.TrueAsync(
            () =>
            {
                slow.RemoveAll(client => !Trickle(client));
                return slow.Count == 0;
            },
            EngineHarness.Patience,
            "each was answered 408 or closed, though it never ceased to send"
        );
        await AskAsync(port);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>False: the gateway has had enough of it.</summary>
    private static bool Trickle(Socket client)
    {
        try
        {
            if (client.Poll(0, SelectMode.SelectRead))
            {
                var answer = new byte[512];
                var count = client.Receive(answer);
                (
                    count == 0
                    || System.Text.Encoding.ASCII.GetString(answer, 0, count).StartsWith("HTTP/1.1 408", StringComparison.Ordinal)
                ).ShouldBeTrue();
                client.Dispose();
                return false;
            }

            client.Send("a"u8);
            return true;
        }
        catch (SocketException)
        {
            client.Dispose();
            return false;
        }
    }

    /// <summary>Half of them say nothing, the others begin a request, byte by byte.</summary>
    private static async Task<List<Socket>> FillAsync(int port, int count)
    {
        var clients = new List<Socket>(count);
        for (var i = 0; i < count; i++)
        {
            clients.Add(await EngineHarness.ConnectAsync(port));
        }

        foreach (var piece in "GET")
        {
            foreach (var client in clients.Where((_, i) => i % 2 == 0))
            {
                client.Send([(byte)piece]);
            }
        }

        return clients;
    }

    private static async Task AskAsync(int port)
    {
        using var client = new ClientWebSocket();
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), limit.Token);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
    }

    private static long Resident(GatewayRun gateway) =>
        1024
        * long.Parse(
            File.ReadLines($"/proc/{gateway.Id}/status")
                .First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))[6..]
                .Replace("kB", "", StringComparison.Ordinal),
            NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture
        );

    private async Task<GatewayRun> StartAsync(int port, int backend, TimeSpan timeout)
    {
        var config = EngineHarness.Config(port, backend);
        var listener = config.Listeners[0] with
        {
            Protocol = ListenerProtocol.WebSocket,
            WebSocket = new WebSocketListenerConfig { HandshakeTimeout = timeout },
        };
        var file = Path.Combine(_folder.FullName, "gateway.json");
        await File.WriteAllTextAsync(
            file,
            JsonSerializer.Serialize(config with { Listeners = [listener] }, ContractsJson.Default.GatewayConfig)
        );
        var gateway = new GatewayRun("--config", file, "--bind", "127.0.0.1", "--loops", "2");
        await gateway.EventAsync("started");
        return gateway;
    }
}
