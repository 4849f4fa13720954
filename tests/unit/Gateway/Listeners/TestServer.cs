using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>A backend on a free port of loopback.</summary>
internal sealed class TestServer : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentBag<Socket> _accepted = [];

    /// <param name="serve">Run for each connection, which is closed afterwards; null: echo until the client ends.</param>
    public TestServer(Func<Socket, Task>? serve = null)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _ = Task.Run(() => AcceptAsync(serve ?? EchoAsync));
    }

    public int Port { get; }

    public int Accepted => _accepted.Count;

    public static async Task EchoAsync(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            for (var sent = 0; sent < count; )
            {
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
    }

    /// <summary>Resets every connection.</summary>
    public void Abort()
    {
        foreach (var socket in _accepted)
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Dispose();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        foreach (var socket in _accepted)
        {
            socket.Dispose();
        }
    }

    private async Task AcceptAsync(Func<Socket, Task> serve)
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync();
                socket.NoDelay = true;
                _accepted.Add(socket);
                _ = ServeAsync(socket, serve);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static async Task ServeAsync(Socket socket, Func<Socket, Task> serve)
    {
        try
        {
            await serve(socket);
            socket.Dispose();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            socket.Dispose();
        }
    }
}
