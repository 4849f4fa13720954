using System.Net;
using System.Net.Sockets;

namespace Mooring.Contracts.Stream;

/// <summary>Opens a stream's TCP connection, which the kernel watches at both ends: a link that was cut without a word is found within 20 s, at no cost to either program.</summary>
/// <remarks>
/// Probes of idle connections (tcp(7), TCP_KEEPIDLE and TCP_KEEPINTVL) wake no thread, while pings of thousands of gateways are most of what an operator at rest
/// would have to do. What was sent and stays unacknowledged ends the connection after the same time (TCP_USER_TIMEOUT).
/// </remarks>
public static class StreamSockets
{
    private const int IdleSeconds = 10;
    private const int IntervalSeconds = 5;
    private const int Probes = 2;

    // linux/tcp.h; the value is in milliseconds.
    private const int TcpLevel = 6;
    private const int TcpUserTimeout = 18;
    private const int UserTimeoutMilliseconds = (IdleSeconds + (Probes * IntervalSeconds)) * 1000;

    /// <summary>Connects to one of the host's addresses.</summary>
    /// <exception cref="SocketException">None of them answers.</exception>
    public static async ValueTask<System.IO.Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            Watch(socket);
            await socket.ConnectAsync(host, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Has the kernel watch a connection, open or still to be opened.</summary>
    /// <exception cref="SocketException">The connection has ended.</exception>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    public static void Watch(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, IdleSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, IntervalSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
        socket.SetRawSocketOption(TcpLevel, TcpUserTimeout, BitConverter.GetBytes(UserTimeoutMilliseconds));
    }
}
