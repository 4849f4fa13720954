using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

public sealed class UdpReloadTests
{
    [Fact]
    public async Task Reload_OfOtherThings_KeepsFlowsAndTheirSockets()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        await gateway.ApplyAsync(
            [server.Port, Ports.Free()],
            config =>
                config with
                {
                    Capacity = new CapacityConfig { MaxConnections = 500 },
                    Listeners = [.. config.Listeners, UdpGateway.Listener(Ports.Free(), new UdpListenerConfig(), "other")],
                }
        );
        for (var i = 0; i < 20; i++)
        {
            (await client.AskAsync($"b{i}")).ShouldBe($"b{i}");
        }

        server.Peers.Count.ShouldBe(1);
        gateway.Load.AcceptedTotal.ShouldBe(1);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("::", "::1")]
    [InlineData("::", "127.0.0.1")]
    public async Task Listener_ThatIsRemoved_LeavesItsFlowsGoing(string bind, string to)
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], bind: IPAddress.Parse(bind));
        using var client = gateway.Client(IPAddress.Parse(to));
        (await client.AskAsync("a")).ShouldBe("a");
        await gateway.ApplyAsync(
            [server.Port],
            config => config with { Listeners = [UdpGateway.Listener(Ports.Free(), new UdpListenerConfig(), "other")] }
        );
        for (var i = 0; i < 20; i++)
        {
            (await client.AskAsync($"b{i}")).ShouldBe($"b{i}");
        }

        server.Peers.Count.ShouldBe(1);
        gateway.Engine.Connections.ShouldBe(1);
        // Back again: the flow goes on as it is, and new ones come.
        await gateway.ApplyAsync([server.Port]);
        using var other = gateway.Client(IPAddress.Parse(to));
        (await other.AskAsync("c")).ShouldBe("c");
        (await client.AskAsync("d")).ShouldBe("d");
        server.Peers.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Listener_WhoseNameIsAnothersNow_LeavesItsFlowsGoing()
    {
        var session = TimeSpan.FromSeconds(1);
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config =>
                config with
                {
                    Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new UdpListenerConfig { SessionTimeout = session })],
                }
        );
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");

        // TCP without an idle timeout.
        await gateway.ApplyAsync([server.Port], config => config with { Listeners = [EngineHarness.Listener("media", Ports.Free())] });
        var since = Stopwatch.StartNew();
        while (since.Elapsed < 2.5 * session)
        {
            (await client.AskAsync("b")).ShouldBe("b");
        }

        server.Peers.Count.ShouldBe(1);
        gateway.Records.ShouldBeEmpty();
    }

    [Fact]
    public async Task Listener_OfTheNameOfOneOfTcp_LeavesItsConnectionsOpen()
    {
        using var server = new TestServer();
        var tcp = EngineHarness.Listener("media", Ports.Free()) with
        {
            Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromSeconds(1.5) },
        };
        var witness = EngineHarness.Listener("witness", Ports.Free()) with
        {
            Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromSeconds(3) },
        };
        await using var gateway = await UdpGateway.StartAsync([server.Port], config => config with { Listeners = [tcp, witness] });
        using var client = await EngineHarness.ConnectAsync(tcp.Port);
        using var other = await EngineHarness.ConnectAsync(witness.Port);
        (await EngineProbes.CountServedAsync([client, other])).ShouldBe(2);

        var udp = UdpGateway.Listener(Ports.Free(), new UdpListenerConfig { SessionTimeout = TimeSpan.FromSeconds(1) });
        await gateway.ApplyAsync([server.Port], config => config with { Listeners = [udp, witness] });
        // Silent for as long, and longer than either of the name would have it.
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await other.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(0);

        (await EngineProbes.CountServedAsync([client])).ShouldBe(1);
    }

    [Fact]
    public async Task NewClient_WhileItsListenersNameBecomesAnothers_IsRefused()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        var faults = FaultGuard.Total;
        using var gate = new ManualResetEventSlim();
        using var newcomer = gateway.Client();
        var held = new TaskCompletionSource();
        gateway
            .Engine.Loops[0]
            .Post(() =>
            {
                held.SetResult();
                gate.Wait();
            });
        await held.Task;
        await newcomer.SendAsync([1]);

        // One that has no backend of its own; the loop still reads the port's socket when it comes to it.
        var applying = gateway.ApplyAsync([server.Port], Passthrough);
        await Until.TrueAsync(
            () => gateway.Engine.Loops[0].Engine.Listeners[0].Setup is { Config.Protocol: ListenerProtocol.TCP },
            EngineHarness.Patience,
            "the config is in force"
        );
        gate.Set();
        await applying;

        (await client.AskAsync("b")).ShouldBe("b");
        FaultGuard.Total.ShouldBe(faults);
        gateway.Engine.Connections.ShouldBe(1);

        static GatewayConfig Passthrough(GatewayConfig config) =>
            config with
            {
                Listeners =
                [
                    new ListenerConfig
                    {
                        Name = "media",
                        Protocol = ListenerProtocol.TCP,
                        Port = Ports.Free(),
                        Tls = new TlsListenerConfig
                        {
                            Mode = TlsMode.Passthrough,
                            Routes = [new ServerNameRouteConfig { ServerNames = ["a.example"], Backend = "relay" }],
                        },
                    },
                ],
            };
    }

    [Fact]
    public async Task Refusing_KeepsFlowsAndTakesNoNewOnes()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        await gateway.Engine.SetModeAsync(AcceptMode.Refuse);
        using var late = gateway.Client();
        await Until.TrueAsync(
            async () =>
            {
                await late.SendAsync([1]);
                return gateway.Load.RefusedTotal.GetValueOrDefault("draining") > 0;
            },
            EngineHarness.Patience,
            "a new flow is refused"
        );
        (await client.AskAsync("b")).ShouldBe("b");
        gateway.Engine.Connections.ShouldBe(1);

        // A drain's deadline closes what is left.
        var open = await gateway.Engine.ListConnectionsAsync();
        (await gateway.Engine.CloseAsync(open, new CloseOrder(CloseReason.DrainDeadline, null))).ShouldBe(1);
        await gateway.FlowsAsync(0);
        await Until.TrueAsync(() => server.Flows == 0, EngineHarness.Patience, "its socket is closed");
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("0.0.0.0")]
    public async Task Sockets_ThatChangeHands_TakeNoFlowWithThem(string bind)
    {
        using var server = new UdpServer();
        var sockets = Shared(IPAddress.Parse(bind), 4);
        var port = ((IPEndPoint)sockets[0].LocalEndPoint!).Port;
        var first = new EngineHarness();
        await using var second = new EngineHarness(loops: 2);
        await first.ApplyAsync(UdpGateway.Config(port, server.Port));
        await second.ApplyAsync(UdpGateway.Config(port, server.Port));
        await first.HandOverAsync(sockets);
        var clients = Enumerable.Range(0, 12).Select(_ => new UdpClientSocket(new IPEndPoint(IPAddress.Loopback, port))).ToList();
        foreach (var client in clients)
        {
            (await client.AskAsync("a")).ShouldBe("a");
        }

        first.Engine.Connections.ShouldBe(12);
        // As the supervisor does it: away from the one, then to the other.
        await first.HandOverAsync([]);
        await second.HandOverAsync(sockets);
        var newcomers = Enumerable.Range(0, 12).Select(_ => new UdpClientSocket(new IPEndPoint(IPAddress.Loopback, port))).ToList();
        for (var i = 0; i < 5; i++)
        {
            foreach (var client in clients.Concat(newcomers))
            {
                (await client.AskAsync($"b{i}")).ShouldBe($"b{i}");
            }
        }

        server.Peers.Count.ShouldBe(24);
        first.Engine.Connections.ShouldBe(12);
        second.Engine.Connections.ShouldBe(12);

        // The first gateway ends: its clients come to the second one.
        await first.DisposeAsync();
        foreach (var client in clients)
        {
            (await client.AskAsync("c")).ShouldBe("c");
        }

        second.Engine.Connections.ShouldBe(24);
        clients.Concat(newcomers).ToList().ForEach(client => client.Dispose());
        sockets.ForEach(socket => socket.Dispose());
    }

    private static List<Socket> Shared(IPAddress address, int count)
    {
        var sockets = new List<Socket>();
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.SetRawSocketOption(1, 15, BitConverter.GetBytes(1));
            socket.Bind(new IPEndPoint(address, i == 0 ? 0 : ((IPEndPoint)sockets[0].LocalEndPoint!).Port));
            sockets.Add(socket);
        }

        return sockets;
    }
}
