using System.Net.Sockets;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>The stream of a <see cref="DatagramPort"/>: whole frames go in, and it ends when its client, which beats, is silent.</summary>
/// <remarks>On its way may be a paused gateway, whose host acknowledges all the same. Clients that do not beat are left alone.</remarks>
/// <param name="socket">One end; this object's from now on.</param>
/// <param name="time">The clock.</param>
internal sealed class DatagramStream(Socket socket, TimeProvider time) : IDisposable
{
    private static readonly byte[] Beat = Frame();
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _over = new();
    private long _heard;

    public NetworkStream Bytes { get; } = new(socket, ownsSocket: false);

    /// <summary>The client has beaten. Thread-safe.</summary>
    public void Heard() => Volatile.Write(ref _heard, time.GetTimestamp());

    /// <summary>Sends a whole frame. Thread-safe.</summary>
    /// <exception cref="SocketException">The stream has ended.</exception>
    /// <exception cref="ObjectDisposedException">The same.</exception>
    public async Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellation)
    {
        await _writing.WaitAsync(cancellation);
        try
        {
            for (var sent = 0; sent < frame.Length; )
            {
                sent += await socket.SendAsync(frame[sent..], cancellation);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Answers the client's beats, and ends the stream when none come any more. Until <see cref="Dispose"/>.</summary>
    public async Task WatchAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(DatagramFrame.BeatInterval, time, _over.Token);
                var heard = Volatile.Read(ref _heard);
                if (heard == 0)
                {
                    continue;
                }

                if (time.GetElapsedTime(heard) > DatagramFrame.SilentAfter)
                {
                    Dispose();
                    return;
                }

                // Where the stream takes nothing, the next look comes all the same.
                await SendAsync(Beat, _over.Token).WaitAsync(DatagramFrame.SilentAfter, time, _over.Token);
            }
        }
        catch (TimeoutException)
        {
            Dispose();
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The stream has ended.
        }
    }

    /// <summary>Ends the stream; the port's next datagram opens another. Thread-safe.</summary>
    public void Dispose()
    {
        _over.Cancel();
        Bytes.Dispose();
        socket.Dispose();
    }

    private static byte[] Frame()
    {
        var frame = new byte[DatagramFrame.HeaderBytes];
        DatagramFrame.WriteHeader(frame, DatagramFrame.Beat, 0);
        return frame;
    }
}
