using System.Net.Sockets;

namespace Mooring.Testing.ClientCases;

/// <summary>The connections of a client, which a test can break and refuse, whatever the server is. Thread-safe.</summary>
public sealed class CuttableNetwork : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Socket> _open = [];
    private bool _cut;

    public void Attach(SocketsHttpHandler handler) => handler.ConnectCallback = ConnectAsync;

    /// <summary>Breaks what is open, and refuses new connections until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            _cut = true;
            _open.ForEach(static socket => socket.Dispose());
            _open.Clear();
        }
    }

    public void Mend()
    {
        lock (_lock)
        {
            _cut = false;
        }
    }

    public void Dispose() => Cut();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            lock (_lock)
            {
                if (_cut)
                {
                    throw new SocketException((int)SocketError.NetworkUnreachable);
                }

                _open.Add(socket);
            }

            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
