using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client of <c>gateway tunnel</c> when what it is connected with is silent; and what it does when it is busy no more.</summary>
public sealed class SilentWayTests
{
    [Fact]
    public async Task OwnClient_GatewayThatTakesConnectionsAndIsSilent_IsNotWaitedForLong()
    {
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        var lines = new StringWriter();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)silent.LocalEndPoint!).Port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
            Once = true,
        };
        var client = new TunnelClient(options, new TunnelOutput(lines, json: true, TimeProvider.System), TimeProvider.System);
        (await client.RunAsync(CancellationToken.None).WaitAsync(TunnelRig.Patience)).ShouldBe(1);
        lines.ToString().ShouldContain("\"reason\":\"the gateway does not answer\"");
    }

    [Fact]
    public async Task OwnClient_EveryWayDies_WithoutAWord_TcpAndUdpGoOn()
    {
        await using var rig = await TunnelRig.StartAsync(tunnel: tunnel => tunnel with { Udp = true });
        using var service = new Listeners.TestServer();
        using var datagrams = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        datagrams.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = FleetTunnelTests.EchoDatagramsAsync(datagrams);
        await using var client = await OwnClient.StartAsync(
            rig.Server,
            [
                new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", service.Port, 0, null),
                new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)datagrams.LocalEndPoint!).Port, 0, null),
            ],
            options => options with { Pool = 2 }
        );
        var ports = client.Ports;
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await sender.ConnectAsync(new IPEndPoint(IPAddress.Loopback, ports[1]));
        await FleetTunnelTests.ShouldEchoDatagramAsync(sender, "before");
        using (var visitor = await TunnelRig.VisitAsync(ports[0]))
        {
            await TunnelRig.ShouldEchoAsync(visitor, "before");
        }

        client.Stall();
        await Until.TrueAsync(() => client.Resumed, TunnelRig.Patience, "the client has come again");
        client.Ports.ShouldBe(ports);
        await FleetTunnelTests.ShouldEchoDatagramAsync(sender, "after");
        using var later = await TunnelRig.VisitAsync(ports[0]);
        await TunnelRig.ShouldEchoAsync(later, "after");
    }

    [Fact]
    public async Task Leftovers_AreGivenBackInALullAfterMany()
    {
        var time = new ManualTime();
        using var stop = new CancellationTokenSource();
        var (visitors, given) = (0L, 0);
        var watching = Leftovers.WatchAsync(() => Interlocked.Read(ref visitors), () => given++, time, stop.Token);
        await LullsAsync(2);
        given.ShouldBe(0, "nobody came");
        visitors = Leftovers.Many;
        await LullsAsync(1);
        given.ShouldBe(0, "they come still");
        await LullsAsync(1);
        given.ShouldBe(1);
        await LullsAsync(3);
        given.ShouldBe(1, "once");
        visitors += Leftovers.Many - 1;
        await LullsAsync(3);
        given.ShouldBe(1, "so few");
        visitors++;
        await LullsAsync(2);
        given.ShouldBe(2);
        await stop.CancelAsync();
        await watching;

        async Task LullsAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                await Until.TrueAsync(() => time.SetTimers == 1, TunnelRig.Patience, "it waits");
                time.Advance(Leftovers.Lull);
            }

            await Until.TrueAsync(() => time.SetTimers == 1, TunnelRig.Patience, "it waits again");
        }
    }
}
