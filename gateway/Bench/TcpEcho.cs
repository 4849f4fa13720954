using System.Buffers;
using System.Net.Sockets;

namespace Mooring.Gateway.Bench;

/// <summary>Sends every byte back; ends its own direction when the peer has ended its.</summary>
internal static class TcpEcho
{
    private const int BufferBytes = 16 * 1024;

    public static async Task RunAsync(Socket socket, CancellationToken stop, CancellationToken abort)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, abort);
        while (!stop.IsCancellationRequested)
        {
            await socket.WaitForDataAsync(either.Token);
            var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
            try
            {
                var received = await socket.ReceiveAsync(buffer, SocketFlags.None, abort);
                if (received == 0)
                {
                    break;
                }

                await socket.SendAllAsync(buffer.AsMemory(0, received), abort);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        socket.Shutdown(SocketShutdown.Send);
    }
}
