using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The UDP side of <c>gateway tunnel</c>, before a gateway that is a script.</summary>
public sealed class DatagramCarrierTests
{
    [Fact]
    public async Task MoreFlowsThanAreKept_TheLeastRecentlyUsedGivesWay()
    {
        using var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        service.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = FleetTunnelTests.EchoDatagramsAsync(service);
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        gateway.Start();
        using var carrier = new Carrier();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
            Locals = [],
        };
        var dialling = TunnelWire.DialAsync(options, carrier, CancellationToken.None);
        using var far = await gateway.AcceptSocketAsync();
        await using var wire = await dialling;
        var local = new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)service.LocalEndPoint!).Port, 0, null);
        using var datagrams = new DatagramCarrier(wire, local, TimeProvider.System);
        var running = datagrams.RunAsync();
        var answered = new ConcurrentDictionary<uint, bool>();
        var reading = ReadAsync(far, answered);

        for (uint flow = 1; flow <= DatagramFrame.MaxFlows; flow++)
        {
            await SendAsync(far, flow);
        }

        const uint Late = DatagramFrame.MaxFlows + 1;
        await Until.TrueAsync(
            async () =>
            {
                // Datagrams may be lost.
                await SendAsync(far, Late);
                return answered.ContainsKey(Late);
            },
            TunnelRig.Patience,
            "a visitor who comes later is answered"
        );
        far.Shutdown(SocketShutdown.Both);
        await running.WaitAsync(TunnelRig.Patience);
        await reading;
    }

    [Fact]
    public async Task VisitorsWhoWait_HoldNoBuffers()
    {
        const uint Visitors = 1000;
        using var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4 << 20 };
        service.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _ = FleetTunnelTests.EchoDatagramsAsync(service);
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        gateway.Start();
        using var carrier = new Carrier();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
            Locals = [],
        };
        var dialling = TunnelWire.DialAsync(options, carrier, CancellationToken.None);
        using var far = await gateway.AcceptSocketAsync();
        await using var wire = await dialling;
        var local = new LocalPort(TunnelProtocol.Udp, "127.0.0.1", ((IPEndPoint)service.LocalEndPoint!).Port, 0, null);
        using var datagrams = new DatagramCarrier(wire, local, TimeProvider.System);
        var running = datagrams.RunAsync();
        var answered = new ConcurrentDictionary<uint, bool>();
        var reading = ReadAsync(far, answered);
        await AskAsync(1);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        for (uint visitor = 2; visitor <= Visitors; visitor++)
        {
            await AskAsync(visitor);
        }

        ((GC.GetTotalMemory(forceFullCollection: true) - before) / Visitors).ShouldBeLessThan(16 * 1024);
        far.Shutdown(SocketShutdown.Both);
        await running.WaitAsync(TunnelRig.Patience);
        await reading;

        async Task AskAsync(uint visitor)
        {
            await SendAsync(far, visitor);
            await Until.TrueAsync(() => answered.ContainsKey(visitor), TunnelRig.Patience, $"visitor {visitor} is answered");
        }
    }

    [Fact]
    public async Task HostWithTwoAddresses_NobodyListensAtTheFirst_TheOtherIsAsked()
    {
        using var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        service.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        _ = FleetTunnelTests.EchoDatagramsAsync(service);
        using var gateway = new TcpListener(IPAddress.Loopback, 0);
        gateway.Start();
        using var carrier = new Carrier();
        var options = new TunnelOptions
        {
            Host = "127.0.0.1",
            Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
            Locals = [],
        };
        var dialling = TunnelWire.DialAsync(options, carrier, CancellationToken.None);
        using var far = await gateway.AcceptSocketAsync();
        await using var wire = await dialling;
        var local = new LocalPort(TunnelProtocol.Udp, "localhost", ((IPEndPoint)service.LocalEndPoint!).Port, 0, null);
        using var datagrams = new DatagramCarrier(
            wire,
            local,
            TimeProvider.System,
            static (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("127.0.0.3"), IPAddress.Parse("127.0.0.2")])
        );
        var running = datagrams.RunAsync();
        var answered = new ConcurrentDictionary<uint, bool>();
        var reading = ReadAsync(far, answered);

        await Until.TrueAsync(
            async () =>
            {
                await SendAsync(far, 1);
                return answered.ContainsKey(1);
            },
            TunnelRig.Patience,
            "the service at the second address answers"
        );
        // Others go there at once.
        await SendAsync(far, 2);
        await Until.TrueAsync(() => answered.ContainsKey(2), TunnelRig.Patience, "the next visitor's only datagram is answered");

        far.Shutdown(SocketShutdown.Both);
        await running.WaitAsync(TunnelRig.Patience);
        await reading;
    }

    private static async Task SendAsync(Socket far, uint flow)
    {
        var frame = new byte[DatagramFrame.HeaderBytes + 1];
        DatagramFrame.WriteHeader(frame, flow, 1);
        await far.SendAsync(frame);
    }

    private static async Task ReadAsync(Socket far, ConcurrentDictionary<uint, bool> answered)
    {
        await using var stream = new NetworkStream(far, ownsSocket: false);
        var reader = new DatagramReader(stream, default);
        try
        {
            while (await reader.ReadAsync(CancellationToken.None) is var (flow, _))
            {
                answered[flow] = true;
            }
        }
        catch (IOException)
        {
            // What was asked more than once was still on its way to the carrier when that ended.
        }
    }
}
