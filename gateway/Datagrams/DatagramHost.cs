using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>The UDP sockets of a gateway, by port. For one thread at a time, but for <see cref="ReceiveDrops"/>.</summary>
/// <param name="address">Where to bind.</param>
/// <param name="bindsItself">False: every socket is handed over, and a listener without one waits for it.</param>
/// <param name="loops">Loops of the gateway; a port that is bound here gets a socket for each.</param>
/// <param name="support">What the kernel can do.</param>
internal sealed class DatagramHost(IPAddress address, bool bindsItself, int loops, DatagramSupport support) : IDisposable
{
    private readonly Dictionary<int, List<DatagramSocket>> _ports = [];
    private readonly List<DatagramSocket> _released = [];

    /// <summary>By port: what the kernel dropped of sockets that were held once, or a total would fall when one is given away.</summary>
    private readonly Dictionary<int, long> _dropsOfReleased = [];
    private readonly Lock _gate = new();

    /// <summary>The sockets of a port; none while none was handed over yet.</summary>
    public IReadOnlyList<DatagramSocket> this[int port] => _ports.TryGetValue(port, out var sockets) ? sockets : [];

    /// <summary>Datagrams that the kernel dropped for want of room, of a port's sockets while they were held here. Thread-safe.</summary>
    public long ReceiveDrops(int port)
    {
        lock (_gate)
        {
            return _dropsOfReleased.GetValueOrDefault(port) + this[port].Sum(socket => socket.ReceiveDrops);
        }
    }

    /// <summary>Takes sockets that another process bound, instead of all that were taken so before. One that was taken already stays with its loop.</summary>
    public void Adopt(IReadOnlyCollection<int> descriptors)
    {
        lock (_gate)
        {
            var before = _ports.Values.SelectMany(sockets => sockets).Where(socket => socket.Adopted).ToDictionary(socket => socket.Cookie);
            foreach (var descriptor in descriptors)
            {
                var socket = DatagramSocket.Adopt(descriptor, support.Coalescing);
                if (before.Remove(socket.Cookie))
                {
                    socket.Close();
                    continue;
                }

                if (!_ports.TryGetValue(socket.Port, out var sockets))
                {
                    _ports.Add(socket.Port, sockets = []);
                }

                // The loop that has the fewest of this port.
                socket.Loop = Enumerable.Range(0, loops).MinBy(loop => sockets.Count(other => other.Loop == loop));
                sockets.Add(socket);
            }

            foreach (var gone in before.Values)
            {
                Release(gone);
            }
        }
    }

    /// <summary>
    /// Takes sockets of a predecessor as if they had been bound here, those of another address aside: as many as it had, or clients would change hands.
    /// Returns how many.
    /// </summary>
    public int Inherit(IReadOnlyCollection<int> descriptors)
    {
        var count = 0;
        lock (_gate)
        {
            foreach (var descriptor in descriptors)
            {
                if (!ListenSocket.IsAt(descriptor, address))
                {
                    _ = Libc.Close(descriptor);
                    continue;
                }

                count++;
                var socket = DatagramSocket.Adopt(descriptor, support.Coalescing, shared: false);
                if (!_ports.TryGetValue(socket.Port, out var sockets))
                {
                    _ports.Add(socket.Port, sockets = []);
                }

                socket.Loop = sockets.Count % loops;
                sockets.Add(socket);
            }
        }

        return count;
    }

    /// <summary>Opens what the listeners need and is not open. All or nothing: on any error what was opened is closed again.</summary>
    public IReadOnlyList<string> Open(IReadOnlyList<ListenerSnapshot> listeners)
    {
        var errors = new List<string>();
        var opened = new List<DatagramSocket>();
        for (var i = 0; i < listeners.Count; i++)
        {
            var listener = listeners[i];
            if (listener.Protocol != ListenerProtocol.UDP || !bindsItself || _ports.ContainsKey(listener.BindPort))
            {
                continue;
            }

            try
            {
                var sockets = DatagramSocket.Bind(address, listener.BindPort, loops, support.Coalescing);
                for (var number = 0; number < sockets.Count; number++)
                {
                    sockets[number].Loop = number;
                }

                lock (_gate)
                {
                    _ports.Add(listener.BindPort, sockets);
                }

                opened.AddRange(sockets);
            }
            catch (IOException error)
            {
                var field = listener.BindPort == listener.Port ? "port" : "bindPort";
                errors.Add(
                    $"listeners[{i}].{field}: listener '{listener.Name}' cannot receive on port {listener.BindPort}: {error.Message}"
                );
            }
        }

        if (errors.Count > 0)
        {
            lock (_gate)
            {
                opened.ForEach(Release);
            }

            CloseReleased();
        }

        return errors;
    }

    /// <summary>Closes what was let go, and what was bound here for other ports than these. To be called once no loop watches them.</summary>
    public void CloseUnused(IReadOnlySet<int> ports)
    {
        lock (_gate)
        {
            foreach (
                var socket in _ports
                    .Values.SelectMany(sockets => sockets)
                    .Where(socket => !socket.Adopted && !ports.Contains(socket.Port))
                    .ToList()
            )
            {
                Release(socket);
            }
        }

        CloseReleased();
    }

    public void Dispose()
    {
        foreach (var socket in _ports.Values.SelectMany(sockets => sockets).Concat(_released))
        {
            socket.Close();
        }

        _ports.Clear();
        _released.Clear();
    }

    private void Release(DatagramSocket socket)
    {
        var sockets = _ports[socket.Port];
        sockets.Remove(socket);
        if (sockets.Count == 0)
        {
            _ports.Remove(socket.Port);
        }

        if (socket.ReceiveDrops is > 0 and var drops)
        {
            _dropsOfReleased[socket.Port] = _dropsOfReleased.GetValueOrDefault(socket.Port) + drops;
        }

        _released.Add(socket);
    }

    private void CloseReleased()
    {
        _released.ForEach(socket => socket.Close());
        _released.Clear();
    }
}
