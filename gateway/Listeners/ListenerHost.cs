using System.Net;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>The listening sockets of a gateway, by port. For one thread at a time.</summary>
/// <remarks>
/// By port rather than by listener: when a reload moves a port from one listener to another, the socket stays and with it what waits in
/// its queue.
/// </remarks>
/// <param name="address">Where to bind.</param>
/// <param name="bindsItself">False: every socket is handed over, and a listener without one waits for it.</param>
internal sealed class ListenerHost(IPAddress address, bool bindsItself) : IDisposable
{
    private readonly Dictionary<int, ListenSocket> _sockets = [];
    private readonly List<ListenSocket> _replaced = [];

    /// <summary>Takes sockets that another process bound, instead of all that were taken so before.</summary>
    /// <exception cref="IOException">One is no listening socket; those before it are taken, the others closed.</exception>
    public void Adopt(IReadOnlyCollection<int> descriptors)
    {
        var before = _sockets.Values.Where(socket => socket.Adopted).ToDictionary(socket => socket.Port);
        var left = new Queue<int>(descriptors);
        try
        {
            while (left.TryPeek(out var descriptor))
            {
                var socket = ListenSocket.Adopt(descriptor);
                left.Dequeue();
                if (_sockets.Remove(socket.Port, out var replaced))
                {
                    _replaced.Add(replaced);
                }

                _sockets.Add(socket.Port, socket);
                before.Remove(socket.Port);
            }
        }
        finally
        {
            foreach (var descriptor in left)
            {
                _ = Libc.Close(descriptor);
            }
        }

        foreach (var gone in before.Values)
        {
            _sockets.Remove(gone.Port);
            _replaced.Add(gone);
        }
    }

    /// <summary>Takes sockets of a predecessor as if they had been bound here, those of another address aside; returns how many.</summary>
    public int Inherit(IReadOnlyCollection<int> descriptors)
    {
        var count = 0;
        foreach (var descriptor in descriptors)
        {
            if (ListenSocket.TryInherit(descriptor, address) is { } socket && _sockets.TryAdd(socket.Port, socket))
            {
                count++;
            }
            else
            {
                _ = Libc.Close(descriptor);
            }
        }

        return count;
    }

    /// <summary>Opens what the listeners need and is not open. All or nothing: on any error what was opened is closed again.</summary>
    public IReadOnlyList<string> Open(IReadOnlyList<ListenerSnapshot> listeners)
    {
        var errors = new List<string>();
        var opened = new List<ListenSocket>();
        for (var i = 0; i < listeners.Count; i++)
        {
            var listener = listeners[i];
            if (
                !bindsItself
                || listener.Protocol == Contracts.Configuration.ListenerProtocol.UDP
                || _sockets.ContainsKey(listener.BindPort)
            )
            {
                continue;
            }

            try
            {
                var socket = ListenSocket.Bind(address, listener.BindPort);
                _sockets.Add(listener.BindPort, socket);
                opened.Add(socket);
            }
            catch (IOException error)
            {
                var field = listener.BindPort == listener.Port ? "port" : "bindPort";
                errors.Add(
                    $"listeners[{i}].{field}: listener '{listener.Name}' cannot listen on port {listener.BindPort}: {error.Message}"
                );
            }
        }

        if (errors.Count > 0)
        {
            foreach (var socket in opened)
            {
                _sockets.Remove(socket.Port);
                socket.Close();
            }
        }

        return errors;
    }

    /// <summary>The socket of a port; null while it was not handed over yet.</summary>
    public ListenSocket? this[int port] => _sockets.GetValueOrDefault(port);

    /// <summary>Closes what is replaced, and what was bound here for other ports than these. To be called once no loop watches them.</summary>
    public void CloseUnused(HashSet<int> ports)
    {
        foreach (var socket in _sockets.Values.Where(socket => !socket.Adopted && !ports.Contains(socket.Port)).ToList())
        {
            _sockets.Remove(socket.Port);
            socket.Close();
        }

        _replaced.ForEach(socket => socket.Close());
        _replaced.Clear();
    }

    /// <summary>Closes every socket.</summary>
    public void Dispose()
    {
        CloseUnused([]);
        foreach (var socket in _sockets.Values)
        {
            socket.Close();
        }

        _sockets.Clear();
    }
}
