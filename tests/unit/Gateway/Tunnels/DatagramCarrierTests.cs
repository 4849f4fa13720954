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
        await using var rig = await Rig.StartAsync(service);

        for (uint flow = 1; flow <= DatagramFrame.MaxFlows; flow++)
        {
            await rig.SendAsync(flow);
        }

        const uint Late = DatagramFrame.MaxFlows + 1;
        await Until.TrueAsync(
            async () =>
            {
                // Datagrams may be lost.
                await rig.SendAsync(Late);
                return rig.Answered.ContainsKey(Late);
            },
            TunnelRig.Patience,
            "a visitor who comes later is answered"
        );
        await rig.EndAsync();
    }

    [Fact]
    public async Task VisitorsWhoWait_HoldNoBuffers()
    {
        const uint Visitors = 1000;
        using var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4 << 20 };
        service.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await using var rig = await Rig.StartAsync(service);
        await AskAsync(1);
        var before = GC.GetTotalMemory(forceFullCollection: true);

        for (uint visitor = 2; visitor <= Visitors; visitor++)
        {
            await AskAsync(visitor);
        }

        ((GC.GetTotalMemory(forceFullCollection: true) - before) / Visitors).ShouldBeLessThan(16 * 1024);
        await rig.EndAsync();

        async Task AskAsync(uint visitor)
        {
            await rig.SendAsync(visitor);
            await Until.TrueAsync(() => rig.Answered.ContainsKey(visitor), TunnelRig.Patience, $"visitor {visitor} is answered");
        }
    }

    [Fact]
    public async Task HostWithTwoAddresses_NobodyListensAtTheFirst_TheOtherIsAsked()
    {
        using var service = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        service.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
        IPAddress[] two = [IPAddress.Parse("127.0.0.3"), IPAddress.Parse("127.0.0.2")];
        await using var rig = await Rig.StartAsync(service, (_, _) => Task.FromResult(two));

        await Until.TrueAsync(
            async () =>
            {
                await rig.SendAsync(1);
                return rig.Answered.ContainsKey(1);
            },
            TunnelRig.Patience,
            "the service at the second address answers"
        );
        // Others go there at once.
        await rig.SendAsync(2);
        await Until.TrueAsync(() => rig.Answered.ContainsKey(2), TunnelRig.Patience, "the next visitor's only datagram is answered");

        await rig.EndAsync();
    }

    /// <summary>The carrier of one service, and the far end of its connection.</summary>
    private sealed class Rig : IAsyncDisposable
    {
        private readonly Carrier _carrier = new();
        private Socket _far = null!;
        private TunnelWire _wire = null!;
        private DatagramCarrier _datagrams = null!;
        private Task _running = null!;
        private Task _reading = null!;

        /// <summary>The flows that an answer has come for.</summary>
        public ConcurrentDictionary<uint, bool> Answered { get; } = new();

        /// <param name="service">Echoes from now on.</param>
        /// <param name="resolve">Its addresses; null: its own.</param>
        public static async Task<Rig> StartAsync(Socket service, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null)
        {
            _ = FleetTunnelTests.EchoDatagramsAsync(service);
            using var gateway = new TcpListener(IPAddress.Loopback, 0);
            gateway.Start();
            var options = new TunnelOptions
            {
                Host = "127.0.0.1",
                Port = ((IPEndPoint)gateway.LocalEndpoint).Port,
                Locals = [],
            };
            var rig = new Rig();
            var dialling = TunnelWire.DialAsync(options, new Dialler(options.Host, options.Port), rig._carrier, CancellationToken.None);
            rig._far = await gateway.AcceptSocketAsync();
            rig._wire = await dialling;
            var host = resolve is null ? "127.0.0.1" : "localhost";
            var local = new LocalPort(TunnelProtocol.Udp, host, ((IPEndPoint)service.LocalEndPoint!).Port, 0, null);
            rig._datagrams = new DatagramCarrier(rig._wire, local, TimeProvider.System, resolve);
            rig._running = rig._datagrams.RunAsync();
            rig._reading = rig.ReadAsync();
            return rig;
        }

        public async Task SendAsync(uint flow)
        {
            var frame = new byte[DatagramFrame.HeaderBytes + 1];
            DatagramFrame.WriteHeader(frame, flow, 1);
            await _far.SendAsync(frame);
        }

        public async Task EndAsync()
        {
            _far.Shutdown(SocketShutdown.Both);
            await _running.WaitAsync(TunnelRig.Patience);
            await _reading;
        }

        public async ValueTask DisposeAsync()
        {
            _datagrams.Dispose();
            await _wire.DisposeAsync();
            _far.Dispose();
            _carrier.Dispose();
        }

        private async Task ReadAsync()
        {
            await using var stream = new NetworkStream(_far, ownsSocket: false);
            var reader = new DatagramReader(stream, default);
            try
            {
                while (await reader.ReadAsync(CancellationToken.None) is var (flow, _))
                {
                    Answered[flow] = true;
                }
            }
            catch (IOException)
            {
                // What was asked more than once was still on its way to the carrier when that ended.
            }
        }
    }
}
