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
        while (await reader.ReadAsync(CancellationToken.None) is var (flow, _))
        {
            answered[flow] = true;
        }
    }
}
