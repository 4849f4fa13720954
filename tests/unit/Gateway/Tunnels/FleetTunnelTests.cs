using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>Any gateway, any tunnel: visitors and data connections that reach another gateway than the tunnel's.</summary>
public sealed class FleetTunnelTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Bore_VisitorsAndAcceptsThroughOtherGateways(int loops)
    {
        await using var fleet = await FleetRig.StartAsync(3, loops);
        int port;
        using (var bore = await BoreClient.OpenAsync(fleet[0].Server))
        {
            port = bore.Port;
            await FleetRig.ListensAsync(fleet[1]);
            await FleetRig.ListensAsync(fleet[2]);
            // Each data connection comes by a gateway that knows nothing of it.
            _ = bore.EchoAsync(through: fleet[2].Server);
            foreach (var gateway in fleet.Gateways)
            {
                for (var i = 0; i < 3; i++)
                {
                    using var visitor = await TunnelRig.VisitAsync(port, gateway.Address);
                    await TunnelRig.ShouldEchoAsync(visitor, $"through {gateway.Name}, {i}");
                    visitor.Shutdown(SocketShutdown.Send);
                    await TunnelRig.ShouldEndAsync(visitor);
                }
            }
        }

        await fleet.NothingLeftAsync($"tcp:{port}");
    }

    /// <summary>A gateway that is paused keeps its visitors, and so those who come for them by another have to keep trying.</summary>
    [Fact]
    public async Task DataConnection_ThroughAnother_WaitsForAnOwnerThatIsPaused()
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { VisitorTimeout = TunnelRig.Patience });
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        await FleetRig.ListensAsync(fleet[1]);
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        var id = await bore.VisitorAsync();
        var other = fleet[1].Engine.Loops[0];
        Socket data;
        await using (await Standstill.OfAsync(fleet[0].Engine.Loops[0]))
        {
            data = await bore.AcceptAsync(id, "hello", fleet[1].Server);
            await Until.TrueAsync(() => other.InvokeAsync(() => other.Tunnels.Links == 1), TunnelRig.Patience, "the way to the owner");
            await Until.TrueAsync(() => other.InvokeAsync(() => other.Tunnels.Links == 0), TunnelRig.Patience, "that it is given up");
        }

        (await TunnelRig.ReadAsync(visitor, 5)).ShouldBe("hello");
        await TunnelRig.SendAsync(visitor, "you");
        (await TunnelRig.ReadAsync(data, 3)).ShouldBe("you");
    }

    [Fact]
    public async Task Visitor_ThroughAnother_KeepsItsAddress()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        _ = bore.EchoAsync();
        await FleetRig.ListensAsync(fleet[1]);
        var visitor = await TunnelRig.VisitAsync(bore.Port, fleet[1].Address);
        var from = (IPEndPoint)visitor.LocalEndPoint!;
        await TunnelRig.ShouldEchoAsync(visitor, "who am I");
        visitor.Dispose();
        await Until.TrueAsync(
            () =>
                fleet[0]
                    .Rig.Harness.Records.Any(record =>
                        record.ClientPort == from.Port && record.ClientAddress.ToIPAddress().Equals(from.Address)
                    ),
            TunnelRig.Patience,
            "the owner's log has the visitor's own address"
        );
    }

    [Fact]
    public async Task PortOfAnother_IsNotGivenTwice()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        using var second = await BoreClient.DialAsync(fleet[1].Server, null);
        await BoreClient.SendAsync(second, $"{{\"Hello\":{bore.Port}}}");
        (await BoreClient.FrameAsync(second)).ShouldBe("{\"Error\":\"port already in use\"}");
    }

    [Theory]
    [InlineData(TunnelProtocol.Tcp)]
    [InlineData(TunnelProtocol.Udp)]
    public async Task PortOfAnother_ThatIsAskedForInVain_IsListenedOnAllTheWhile(object protocol)
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { Udp = true });
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [new LocalPort((TunnelProtocol)protocol, "127.0.0.1", 1, 0, null)]
        );
        await FleetRig.ListensAsync(fleet[1]);
        for (var i = 0; i < 3; i++)
        {
            using var other = await BoreClient.DialAsync(fleet[1].Server, null);
            await BoreClient.SendAsync(
                other,
                $$$"""{"Open":{"version":1,"ports":[{"protocol":"{{{protocol}}}","port":{{{client.Ports[0]}}}}]}}"""
            );
            (await BoreClient.FrameAsync(other)).ShouldBe("{\"Error\":\"port already in use\"}");
            fleet[1].Engine.Tunnels.ForeignPorts.ShouldBe(1);
        }
    }

    /// <summary>The process in its place has no other address to listen on.</summary>
    [Theory]
    [InlineData(TunnelProtocol.Tcp)]
    [InlineData(TunnelProtocol.Udp)]
    public async Task PortOfAnother_IsLetGoByAProcessThatGivesWay(object protocol)
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { Udp = true });
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [new LocalPort((TunnelProtocol)protocol, "127.0.0.1", 1, 0, null)]
        );
        var gateway = fleet[1].Engine.Tunnels;
        await FleetRig.ListensAsync(fleet[1]);

        gateway.GiveWay();

        await Until.TrueAsync(() => gateway.ForeignPorts == 0, TunnelRig.Patience, "the port is free");
    }

    [Fact]
    public async Task PortOfAnother_ItsListenerBecomesAnotherProtocol_VisitorsAreTurnedAway()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        var gateway = fleet[1];
        await FleetRig.ListensAsync(gateway);
        // With the registry away no round lets go of the port; the one under way is over when the next asks for it.
        gateway.Problem = "away";
        var rounds = 0;
        gateway.Engine.Tunnels.Source = () =>
        {
            Interlocked.Increment(ref rounds);
            return gateway.View(fleet.Registry);
        };
        await Until.TrueAsync(() => Volatile.Read(ref rounds) > 0, TunnelRig.Patience, "the rounds know that the registry is away");
        await gateway.Rig.Harness.ApplyAsync(EngineHarness.Config(1, 1) with { Listeners = [EngineHarness.Listener("bore", 1)] });
        gateway.Engine.Tunnels.ForeignPorts.ShouldBe(1);

        await TunnelRig.ShouldBeRefusedAsync(bore.Port, gateway.Address);

        gateway.Engine.Connections.ShouldBe(0);
        gateway.Engine.Loops[0].Engine.Listeners.Single(listener => listener.Name == "bore").Refused(RefusalReason.TunnelGone).ShouldBe(1);
    }

    [Fact]
    public async Task StreamForAnother_ItsListenerBecameAnotherProtocol_IsClosed()
    {
        await using var rig = await TunnelRig.StartAsync();
        await rig.Harness.ApplyAsync(EngineHarness.Config(1, 1) with { Listeners = [EngineHarness.Listener("bore", 1)] });
        var (own, descriptor) = Pair();
        using var end = new Socket(new SafeSocketHandle(own, ownsHandle: true));
        var loop = rig.Harness.Engine.Loops[0];
        var listener = loop.Engine.Listeners.Single(listener => listener.Name == "bore").Index;

        loop.Post(() => loop.Tunnels.ForwardStream(descriptor, new OwnedThing("udp:1"), listener, default, 1));

        await TunnelRig.ShouldEndAsync(end);
        rig.Harness.Engine.Connections.ShouldBe(0);
    }

    private static unsafe (int, int) Pair()
    {
        const int Unix = 1;
        var pair = stackalloc int[2];
        Libc.SocketPair(Unix, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0, pair).ShouldBe(0);
        return (pair[0], pair[1]);
    }

    [Fact]
    public async Task PeerWithoutTheKey_GetsNothing()
    {
        await using var fleet = await FleetRig.StartAsync(1);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        var address = IPEndPoint.Parse(fleet[0].Engine.Tunnels.Peer!.Address);
        using var stranger = await BoreClient.DialAsync(address, "a guess");
        (await BoreClient.FrameAsync(stranger)).ShouldBe("{\"Error\":\"invalid secret\"}");
        using var rude = await BoreClient.DialAsync(address, null);
        await BoreClient.SendAsync(
            rude,
            $$$"""{"Forward":{"listener":"bore","thing":"tcp:{{{bore.Port}}}","address":"10.0.0.1","port":1}}"""
        );
        (await BoreClient.FrameAsync(rude)).ShouldStartWith("{\"Challenge\":");
        (await BoreClient.FrameAsync(rude)).ShouldStartWith("{\"Error\":");
        // And a client of tunnels cannot pose as a gateway.
        using var client = await BoreClient.DialAsync(fleet[0].Server, null);
        await BoreClient.SendAsync(
            client,
            $$$"""{"Forward":{"listener":"bore","thing":"tcp:{{{bore.Port}}}","address":"10.0.0.1","port":1}}"""
        );
        (await BoreClient.FrameAsync(client)).ShouldBe("{\"Error\":\"no such tunnel\"}");
    }

    [Fact]
    public async Task Owner_ThatWasFenced_LetsGo()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        // As if this gateway had been away, and another had taken the port meanwhile.
        var taken = await fleet.Registry.ClaimAsync(
            new OwnedThing($"tcp:{bore.Port}"),
            new GatewayId(fleet[1].Name, fleet[1].Generation),
            "",
            FleetGateway.Ttl,
            force: true
        );
        taken.Result.ShouldBe(ClaimResult.Owned);
        // It learns of it when it is registered anew, as after an absence, or with its next renewal.
        await fleet.Registry.UnregisterAsync(fleet[0].Name, fleet[0].Generation);
        await Until.TrueAsync(() => fleet[0].Engine.Tunnels.Open().Count == 0, TunnelRig.Patience, "the former owner has let go");
        fleet[0].Engine.Tunnels.Ended().ShouldHaveSingleItem().State.ShouldBe(TunnelState.Moved);
    }

    [Fact]
    public async Task RegistryAway_TunnelsGoOn_NewOnesAreRefused()
    {
        await using var fleet = await FleetRig.StartAsync(1);
        using var bore = await BoreClient.OpenAsync(fleet[0].Server);
        _ = bore.EchoAsync();
        fleet[0].Problem = "redis is away";
        var tunnel = fleet[0].Engine.Tunnels.Open()[0];
        await Until.TrueAsync(() => tunnel.State == TunnelState.Degraded, TunnelRig.Patience, "the tunnel says that it is degraded");
        using var visitor = await TunnelRig.VisitAsync(bore.Port);
        await TunnelRig.ShouldEchoAsync(visitor, "still served");
        using var late = await BoreClient.DialAsync(fleet[0].Server, null);
        await BoreClient.SendAsync(late, "{\"Hello\":0}");
        (await BoreClient.FrameAsync(late)).ShouldBe("{\"Error\":\"the gateways' registry is away: no new tunnels at present\"}");
        fleet[0].Problem = null;
        await Until.TrueAsync(() => tunnel.State == TunnelState.Connected, TunnelRig.Patience, "the tunnel is well again");
        tunnel.History.Select(turn => turn.State).ShouldBe([TunnelState.Connected, TunnelState.Degraded, TunnelState.Connected]);
    }

    [Fact]
    public async Task OwnClient_SeveralPorts_AndUdp_ThroughAnyGateway()
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { Udp = true });
        using var service = new Listeners.TestServer();
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagrams.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = EchoDatagramsAsync(datagrams);
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [
                new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null),
                new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)datagrams.LocalEndPoint!).Port, 0, null),
            ]
        );
        await FleetRig.ListensAsync(fleet[1], ports: 2);
        foreach (var gateway in fleet.Gateways)
        {
            for (var i = 0; i < 4; i++)
            {
                using var visitor = await TunnelRig.VisitAsync(client.Ports[0], gateway.Address);
                await TunnelRig.ShouldEchoAsync(visitor, $"visitor {i}");
            }

            using var one = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            using var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            await one.ConnectAsync(new IPEndPoint(gateway.Address, client.Ports[1]));
            await other.ConnectAsync(new IPEndPoint(gateway.Address, client.Ports[1]));
            await ShouldEchoDatagramAsync(one, "one");
            await ShouldEchoDatagramAsync(other, "other");
            await ShouldEchoDatagramAsync(one, "one again");
        }
    }

    [Fact]
    public async Task OwnClient_LostAndBackElsewhere_GetsItsPortBack()
    {
        await using var fleet = await FleetRig.StartAsync(2);
        using var service = new Listeners.TestServer();
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null)]
        );
        var port = client.Ports[0];
        await client.MoveAsync(fleet[1].Server);
        client.Ports[0].ShouldBe(port);
        client.Resumed.ShouldBeFalse();
        await Until.TrueAsync(() => fleet[0].Engine.Tunnels.Open().Count == 0, TunnelRig.Patience, "the former gateway has let go");
        await FleetRig.ListensAsync(fleet[0]);
        foreach (var gateway in fleet.Gateways)
        {
            using var visitor = await TunnelRig.VisitAsync(port, gateway.Address);
            await TunnelRig.ShouldEchoAsync(visitor, $"through {gateway.Name}");
        }
    }

    [Fact]
    public async Task OwnClient_LostAndBackElsewhereOnTheHost_GetsItsUdpPortBack()
    {
        await using var fleet = await FleetRig.StartAsync(2, tunnel: tunnel => tunnel with { Udp = true }, oneHost: true);
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagrams.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = EchoDatagramsAsync(datagrams);
        await using var client = await OwnClient.StartAsync(
            fleet[0].Server,
            [new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)datagrams.LocalEndPoint!).Port, 0, null)]
        );
        var port = client.Ports[0];
        await client.MoveAsync(fleet[1].Server);
        client.Ports[0].ShouldBe(port);
        fleet[1].Engine.Tunnels.Open().ShouldHaveSingleItem();
        // Not for as long as it takes the owner before to give up by itself.
        client.Events.ShouldNotContain(line => line.GetProperty("event").GetString() == "refused");
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await sender.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
        await ShouldEchoDatagramAsync(sender, "through the other");
    }

    [Fact]
    public async Task OwnClient_LostAndBack_OnTheSameGateway_VisitorsWait()
    {
        await using var rig = await TunnelRig.StartAsync(loops: 2);
        using var service = new Listeners.TestServer();
        await using var client = await OwnClient.StartAsync(
            rig.Server,
            [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null)]
        );
        var port = client.Ports[0];
        client.Cut();
        await Until.TrueAsync(
            () => rig.Harness.Engine.Tunnels.Open() is [{ State: TunnelState.Detached }],
            TunnelRig.Patience,
            "the tunnel waits for its client"
        );
        using var visitor = await TunnelRig.VisitAsync(port);
        await TunnelRig.SendAsync(visitor, "patience");
        await client.MoveAsync(rig.Server);
        client.Resumed.ShouldBeTrue();
        client.Ports[0].ShouldBe(port);
        (await TunnelRig.ReadAsync(visitor, 8)).ShouldBe("patience");
    }

    [Fact]
    public async Task OwnClient_ThatDoesNotComeBack_TimesOut()
    {
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { Grace = TimeSpan.FromMilliseconds(300) });
        await using (var client = await OwnClient.StartAsync(rig.Server, [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)]))
        {
            client.Cut();
            await Until.TrueAsync(() => rig.Harness.Engine.Tunnels.Ended().Count == 1, TunnelRig.Patience, "the tunnel has ended");
        }

        rig.Harness.Engine.Tunnels.Ended()[0]
            .History.Select(turn => turn.State)
            .ShouldBe([TunnelState.Connected, TunnelState.Detached, TunnelState.TimedOut]);
        await rig.NothingLeftAsync();
    }

    internal static async Task EchoDatagramsAsync(Socket socket)
    {
        var buffer = new byte[65_536];
        try
        {
            while (true)
            {
                var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0));
                await socket.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), received.RemoteEndPoint);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    /// <summary>Datagrams may be lost while the way stands up: sent again until one comes back.</summary>
    internal static Task ShouldEchoDatagramAsync(Socket socket, string words) =>
        Until.TrueAsync(
            async () =>
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes(words));
                var buffer = new byte[100];
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                var count = await socket.ReceiveAsync(buffer, limit.Token);
                return Encoding.UTF8.GetString(buffer, 0, count) == words;
            },
            TunnelRig.Patience,
            $"'{words}' comes back"
        );
}
