using System.Net;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.Streams;
using Mooring.Gateway.Tests.Tunnels;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Handover;

/// <summary>Gateways by hand that take over from one another: the program itself.</summary>
public sealed class TakeoverTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-takeover-");

    private string Config => Path.Combine(_directory.FullName, "gateway.json");

    private string TakeoverPath => Path.Combine(_directory.FullName, "takeover.sock");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Takeover_SameCommandAgainFiveTimes_EveryConnectionMovesAndTheFormerEnds()
    {
        using var server = new TestServer();
        var (port, other, admin) = (EngineProbes.ClosedPort(), EngineProbes.ClosedPort(), EngineProbes.ClosedPort());
        await WriteAsync(server.Port, port, other);
        var gateway = Start(admin);
        await gateway.EventAsync("started");
        var chatters = new List<Chatter>();
        for (var i = 0; i < 200; i++)
        {
            chatters.Add(new Chatter(await EngineHarness.ConnectAsync(i % 2 == 0 ? port : other), i, 3000, TimeSpan.FromMilliseconds(20)));
        }

        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{admin}") };
        for (var upgrade = 0; upgrade < 5; upgrade++)
        {
            if (upgrade == 3)
            {
                // A reload that removes a listener keeps its connections, and so does the successor.
                await WriteAsync(server.Port, port);
            }

            var next = Start(admin);
            await next.EventAsync("started");
            (await gateway.ExitAsync()).ShouldBe(0, gateway.Output);
            (await next.EventAsync("taken_over")).GetProperty("connections").GetInt32().ShouldBe(200);
            // A kept connection was the former's: the client finds out by using it.
            await Until.TrueAsync(
                async () =>
                    (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Contains(
                        "mooring_gateway_handover_connections_total{direction=\"in\"} 200\n",
                        StringComparison.Ordinal
                    ),
                EngineHarness.Patience,
                "the successor's metrics"
            );
            gateway.Dispose();
            gateway = next;
            using var another = await EngineHarness.ConnectAsync(port);
            await TcpRelayTests.ExchangeAsync(another, 1000, 1000, upgrade);
        }

        await Task.WhenAll(chatters.Select(chatter => chatter.EndAsync()));
        chatters.ForEach(chatter => chatter.Dispose());
        gateway.Signal(15);
        (await gateway.ExitAsync()).ShouldBe(0);
        File.Exists(TakeoverPath).ShouldBeFalse();
        gateway.Dispose();
    }

    [Fact]
    public async Task Takeover_SuccessorWithABadConfig_TheFormerServesOn()
    {
        using var server = new TestServer();
        var (port, admin) = (EngineProbes.ClosedPort(), EngineProbes.ClosedPort());
        await WriteAsync(server.Port, port);
        using var gateway = Start(admin);
        await gateway.EventAsync("started");
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[1]);
        var good = await File.ReadAllTextAsync(Config);
        await File.WriteAllTextAsync(Config, "{");
        using (var bad = Start(admin))
        {
            (await bad.ExitAsync()).ShouldBe(2);
        }

        await gateway.EventAsync("takeover_failed");
        await File.WriteAllTextAsync(Config, good);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{admin}") };
        (await http.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode.ShouldBeTrue();
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 3))).ShouldBe(3);
        (await client.ReceiveAsync(new byte[1])).ShouldBe(1);

        // SIGUSR2: the same command, started by the gateway itself.
        gateway.Signal(12);
        var successor = (await gateway.EventAsync("successor_started")).GetProperty("process").GetInt32();
        try
        {
            await gateway.EventAsync("taken_over");
            (await gateway.ExitAsync()).ShouldBe(0);
            await client.SendAsync(new byte[1]);
            (await client.ReceiveAsync(new byte[1])).ShouldBe(1);
        }
        finally
        {
            GatewayRun.End(successor);
        }
    }

    [Fact]
    public async Task Takeover_SuccessorThatHasItsConfigFromTheStream_TheFormerServesUntilThatComes()
    {
        using var server = new TestServer();
        var (port, admin) = (EngineProbes.ClosedPort(), EngineProbes.ClosedPort());
        await WriteAsync(server.Port, port);
        using var gateway = Start(admin);
        await gateway.EventAsync("started");
        var stream = Path.Combine(_directory.FullName, "stream.sock");
        await using var fake = await FakeOperator.StartAsync(stream);
        using var next = new GatewayRun([
            "--stream",
            $"unix:{stream}",
            "--bind",
            "127.0.0.1",
            "--takeover",
            TakeoverPath,
            "--admin",
            $"127.0.0.1:{admin}",
            "--access-log",
            "off",
        ]);
        var session = await fake.SessionAsync();
        await fake.NextAsync<ReportMessage>();

        // It has none yet.
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 5))).ShouldBe(5);
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[1]);
        (await client.ReceiveAsync(new byte[1])).ShouldBe(1);

        var config = JsonSerializer.Deserialize(await File.ReadAllTextAsync(Config), ContractsJson.Default.GatewayConfig)!;
        await FakeOperator.SendAsync(session, new ConfigMessage { Hash = ContractsJson.Hash(config), Config = config });
        (await next.EventAsync("started")).GetProperty("socketsTakenOver").GetInt32().ShouldBeGreaterThan(1);
        (await gateway.ExitAsync()).ShouldBe(0, gateway.Output);
        (await next.EventAsync("taken_over")).GetProperty("connections").GetInt32().ShouldBeGreaterThan(0);
        await client.SendAsync(new byte[1]);
        (await client.ReceiveAsync(new byte[1])).ShouldBe(1);
        (await EngineProbes.CountServedAsync(await EngineProbes.ConnectManyAsync(port, 5))).ShouldBe(5);
    }

    /// <summary>A visitor under way keeps the former gateway alive; it must not keep the port of who has gone on to the successor.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Takeover_Tunnel_IsOpenedAnewAtOnce(bool isLost)
    {
        using var service = new TestServer();
        var (port, admin) = (EngineProbes.ClosedPort(), EngineProbes.ClosedPort());
        await WriteTunnelAsync(port);
        using var gateway = Start(admin);
        await gateway.EventAsync("started");
        var server = new IPEndPoint(IPAddress.Loopback, port);
        await using var client = await OwnClient.StartAsync(
            server,
            [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null)]
        );
        await using var other = await OwnClient.StartAsync(server, [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null)]);
        var tunnel = client.Ports[0];
        using var under = await TunnelRig.VisitAsync(other.Ports[0]);
        await TunnelRig.ShouldEchoAsync(under, "before");
        if (isLost)
        {
            client.Cut();
            // Two that were opened, and one that is lost.
            (await gateway.EventAsync("tunnel", 3))
                .GetProperty("state")
                .GetString()
                .ShouldBe("Detached");
        }

        using var next = Start(admin);
        await next.EventAsync("started");
        await (isLost ? client.MoveAsync(server) : client.ReopenedAsync());
        client.Ports[0].ShouldBe(tunnel);
        client.Events.ShouldNotContain(line => line.GetProperty("event").GetString() == "refused");
        using var visitor = await TunnelRig.VisitAsync(tunnel);
        await TunnelRig.ShouldEchoAsync(visitor, "after");
        await TunnelRig.ShouldEchoAsync(under, "and the one of before");
    }

    private GatewayRun Start(int admin) =>
        new("--config", Config, "--bind", "127.0.0.1", "--takeover", TakeoverPath, "--admin", $"127.0.0.1:{admin}", "--access-log", "off");

    private Task WriteTunnelAsync(int port) =>
        File.WriteAllTextAsync(
            Config,
            JsonSerializer.Serialize(
                new GatewayConfig
                {
                    Fleet = "default/test",
                    Listeners =
                    [
                        new ListenerConfig
                        {
                            Name = "bore",
                            Protocol = ListenerProtocol.Tunnel,
                            Port = port,
                            Tunnel = new TunnelListenerConfig
                            {
                                PortRange = new PortRangeConfig { Start = 11_200, End = 11_399 },
                            },
                        },
                    ],
                },
                ContractsJson.Default.GatewayConfig
            )
        );

    private Task WriteAsync(int backend, params int[] ports) =>
        File.WriteAllTextAsync(
            Config,
            JsonSerializer.Serialize(
                EngineHarness.Config(ports[0], backend) with
                {
                    // The same number for UDP: its sockets move too, or the successor could not bind them.
                    Listeners =
                    [
                        .. ports.Select((port, i) => EngineHarness.Listener($"l{i}", port)),
                        EngineHarness.Listener("u", ports[0]) with
                        {
                            Protocol = ListenerProtocol.UDP,
                        },
                    ],
                },
                ContractsJson.Default.GatewayConfig
            )
        );
}
