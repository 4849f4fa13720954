using System.Net.Sockets;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Bench;

/// <summary>A WebSocket server without extensions that sends every frame back as it came, unmasked.</summary>
/// <remarks>Payload is echoed while it arrives, so that a message of any size needs one small buffer.</remarks>
internal static class WebSocketEcho
{
    private static readonly byte[] GoingAway = CloseFrame.Encode(1001, "going away");
    private static readonly byte[] ProtocolError = CloseFrame.Encode(1002, "");

    public static async Task RunAsync(Socket socket, CancellationToken stop, CancellationToken abort)
    {
        using var buffer = new EchoBuffer();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, abort);
        if (!await EchoHandshake.AcceptAsync(socket, buffer, either.Token))
        {
            return;
        }

        var tracker = new FrameTracker(FrameSender.Client, FrameExtensions.None);
        var echo = new FrameEcho();
        var saidGoodbye = false;
        var fresh = buffer.Data;
        while (true)
        {
            if (tracker.Advance(fresh.Span, StopAt.End) < fresh.Length)
            {
                await socket.SendAllAsync(ProtocolError, abort);
                break;
            }

            var (produced, consumed) = echo.Process(buffer.Data.Span);
            if (!saidGoodbye)
            {
                await socket.SendAllAsync(buffer.Data[..produced], abort);
            }

            buffer.Consume(consumed);
            if (echo.IsClosed)
            {
                break;
            }

            // Between two frames only: a close inside one would be taken for its payload.
            if (stop.IsCancellationRequested && !saidGoodbye && echo.IsBetweenFrames)
            {
                saidGoodbye = true;
                await socket.SendAllAsync(GoingAway, abort);
            }

            try
            {
                fresh = await buffer.ReceiveAsync(socket, saidGoodbye || !echo.IsBetweenFrames ? abort : either.Token);
            }
            catch (OperationCanceledException) when (!abort.IsCancellationRequested)
            {
                fresh = default;
                continue;
            }

            if (fresh.IsEmpty)
            {
                return;
            }
        }

        socket.Shutdown(SocketShutdown.Send);
    }
}
