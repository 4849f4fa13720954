using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Datagrams;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>A fault of the gateway's own is made by giving a flow an endpoint that there is not.</summary>
public sealed class UdpFaultTests
{
    private const int SolUdp = 17;
    private const int UdpSegment = 103;

    /// <summary>The room that a batch had taken is as before: the kernel says of a bundle that it is one.</summary>
    [Fact]
    public async Task Datagram_AFault_LeavesTheNextWhole()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        client.Connect(IPAddress.Loopback, gateway.Port);
        (await AskAsync(client, new byte[100])).ShouldBe([100]);

        await FaultAsync(gateway, () => client.SendAsync(new byte[100]));

        client.SetRawSocketOption(SolUdp, UdpSegment, BitConverter.GetBytes(100));
        (await AskAsync(client, new byte[300])).ShouldBe([100, 100, 100]);
    }

    [Fact]
    public async Task TurnEnd_AFault_EverybodyElseIsServed()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config => config with { Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new() { Responses = 2 })] }
        );
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");

        // The flow ends with it.
        var second = IPEndPoint.Parse(server.Peers.Keys.Single());
        await FaultAsync(gateway, () => server.SendAsync(second, [1]));

        using var other = gateway.Client();
        (await other.AskAsync("b")).ShouldBe("b");
    }

    private static async Task FaultAsync(UdpGateway gateway, Func<Task> send)
    {
        var loop = gateway.Engine.Loops[0];
        var faults = FaultGuard.Total;
        var endpoint = await loop.InvokeAsync(() => Use(loop.Datagrams!, int.MaxValue));
        await send();
        await Until.TrueAsync(() => FaultGuard.Total > faults, EngineHarness.Patience, "the fault");
        await loop.InvokeAsync(() => Use(loop.Datagrams!, endpoint));
    }

    /// <summary>Gives the one flow another endpoint, which is looked at with the next datagram. Returns the one before.</summary>
    private static unsafe int Use(DatagramLoop datagrams, int endpoint)
    {
        var flow = datagrams.Flows[datagrams.Flows.All().Single()];
        var before = flow->Endpoint;
        (flow->Endpoint, flow->Reviewed) = (endpoint, datagrams.Epoch - 1);
        return before;
    }

    /// <summary>The lengths of as many answers as make up what was asked.</summary>
    private static async Task<List<int>> AskAsync(Socket client, byte[] data)
    {
        await client.SendAsync(data);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var lengths = new List<int>();
        while (lengths.Sum() < data.Length)
        {
            lengths.Add(await client.ReceiveAsync(new byte[70_000], limit.Token));
        }

        return lengths;
    }
}
