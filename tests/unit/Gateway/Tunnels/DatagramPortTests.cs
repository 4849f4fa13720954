using System.Net;
using System.Net.Sockets;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>A public UDP port, before loops that are a script.</summary>
public sealed class DatagramPortTests
{
    [Fact]
    public async Task StreamsThatEndAtOnce_AreOpenedAFewTimesASecond()
    {
        var time = new ManualTime();
        var visits = 0;
        var socket = DatagramPort.Bind(IPAddress.Loopback, 0);
        var address = (IPEndPoint)socket.LocalEndPoint!;
        await using var port = new DatagramPort(
            socket,
            (stream, _, _) =>
            {
                Interlocked.Increment(ref visits);
                _ = Libc.Close(stream);
            },
            time
        );
        port.Start();
        using var visitor = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await visitor.ConnectAsync(address);

        for (var i = 0; i < 1000; i++)
        {
            await visitor.SendAsync(new byte[10]);
        }

        await Until.TrueAsync(() => Volatile.Read(ref visits) > 0, TunnelRig.Patience, "the first datagram opens one");
        visits.ShouldBe(1);
        time.Advance(TimeSpan.FromMilliseconds(250));
        await Until.TrueAsync(
            async () =>
            {
                await visitor.SendAsync(new byte[10]);
                return Volatile.Read(ref visits) > 1;
            },
            TunnelRig.Patience,
            "a later one opens another"
        );
        visits.ShouldBe(2);
    }
}
