using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Bench;

/// <summary>Sends every datagram back to where it came from.</summary>
internal sealed class UdpEcho : IDisposable
{
    private const int MaxDatagram = 65_507;
    private readonly Socket _socket;

    /// <summary>Binds.</summary>
    /// <exception cref="SocketException">The address is taken or not this machine's.</exception>
    public UdpEcho(IPEndPoint endPoint)
    {
        _socket = new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1024 * 1024 };
        _socket.Bind(endPoint);
    }

    public EndPoint EndPoint => _socket.LocalEndPoint!;

    /// <summary>Serves until <paramref name="stop"/>.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var buffer = new byte[MaxDatagram];
        var from = new SocketAddress(_socket.AddressFamily);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var length = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, from, stop);
                await _socket.SendToAsync(buffer.AsMemory(0, length), SocketFlags.None, from, stop);
            }
            catch (SocketException)
            {
                // A peer that is gone, or has no room: its datagram is lost, as datagrams may be.
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
