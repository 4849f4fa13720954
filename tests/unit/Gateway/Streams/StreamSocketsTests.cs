using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tests.Streams;

public sealed class StreamSocketsTests
{
    [Fact]
    public async Task Connect_TheKernelFindsACutLinkWithinTwentySeconds()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var host = new DnsEndPoint("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);

        await using var stream = (NetworkStream)await StreamSockets.ConnectAsync(host, FakeOperator.Deadline());

        var socket = stream.Socket;
        socket.NoDelay.ShouldBeTrue();
        ((int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!).ShouldNotBe(0);
        var idle = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!;
        var interval = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval)!;
        var probes = (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)!;
        (idle + (interval * probes)).ShouldBe(20);
        var timeout = new byte[4];
        // TCP_USER_TIMEOUT of linux/tcp.h.
        socket.GetRawSocketOption(6, 18, timeout);
        BitConverter.ToInt32(timeout).ShouldBe(20_000);
    }

    [Fact]
    public async Task Connect_NobodyThere_Throws()
    {
        // Bound and not listening: whoever connects is refused, and nobody else gets the port.
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var host = new DnsEndPoint("127.0.0.1", ((IPEndPoint)bound.LocalEndPoint!).Port);

        await Should.ThrowAsync<SocketException>(async () => await StreamSockets.ConnectAsync(host, FakeOperator.Deadline()));
    }
}
