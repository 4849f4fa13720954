using System.Net.Sockets;

namespace Mooring.Gateway.Bench;

internal static class SocketExtensions
{
    /// <summary>Waits until there is something to receive, or the end of the stream, without holding a buffer.</summary>
    public static async ValueTask WaitForDataAsync(this Socket socket, CancellationToken cancellation) =>
        await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellation);

    /// <summary>Sends all of it.</summary>
    public static async ValueTask SendAllAsync(this Socket socket, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        while (!data.IsEmpty)
        {
            data = data[await socket.SendAsync(data, SocketFlags.None, cancellation)..];
        }
    }
}
