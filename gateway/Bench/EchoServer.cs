using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Bench;

/// <summary>Serves one connection until it ends. <paramref name="stop"/> asks for a polite end; <paramref name="abort"/> cuts off.</summary>
internal delegate Task EchoConnection(Socket socket, CancellationToken stop, CancellationToken abort);

/// <summary>Accepts connections and runs one task for each; thousands are fine, since an idle one holds no buffer.</summary>
internal sealed class EchoServer : IDisposable
{
    private const int SolSocket = 1;
    private const int SoReuseAddress = 2;
    private readonly Socket _listener;
    private readonly EchoConnection _connection;
    private readonly CancellationTokenSource _abort = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _open = 1;

    /// <summary>Binds and listens.</summary>
    /// <exception cref="SocketException">The address is taken or not this machine's.</exception>
    public EchoServer(IPEndPoint endPoint, EchoConnection connection)
    {
        _connection = connection;
        _listener = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);

        // Raw, because .NET's ReuseAddress also sets SO_REUSEPORT, and two servers would share the port unnoticed.
        _listener.SetRawSocketOption(SolSocket, SoReuseAddress, BitConverter.GetBytes(1));
        _listener.Bind(endPoint);
        _listener.Listen(4096);
    }

    public EndPoint EndPoint => _listener.LocalEndPoint!;

    /// <summary>Serves until <paramref name="stop"/>, then lets connections end politely for at most <paramref name="grace"/>.</summary>
    public async Task RunAsync(TimeSpan grace, CancellationToken stop)
    {
        await AcceptAsync(stop);
        _listener.Dispose();
        Release();
        try
        {
            await _empty.Task.WaitAsync(grace, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            await _abort.CancelAsync();
            await _empty.Task;
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _abort.Dispose();
    }

    private async Task AcceptAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync(stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // Out of descriptors, mostly: a busy loop would only make it worse.
                await Task.Delay(50, CancellationToken.None);
                continue;
            }

            Interlocked.Increment(ref _open);
            _ = ServeAsync(socket, stop);
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken stop)
    {
        try
        {
            socket.NoDelay = true;
            await _connection(socket, stop, _abort.Token);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer went away, or time is up.
        }
        finally
        {
            socket.Dispose();
            Release();
        }
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref _open) == 0)
        {
            _empty.TrySetResult();
        }
    }
}
