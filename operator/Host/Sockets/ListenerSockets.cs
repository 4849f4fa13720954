using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Host.Sockets;

/// <summary>The listening sockets of all fleets, each bound once, for as long as the manifest names its port.</summary>
/// <remarks>
/// Nobody accepts here: the gateways do, on descriptors of the same open socket, so their deaths never close it. TCP is without SO_REUSEPORT, so a port
/// that someone else listens on is an error and not half of the connections. A UDP port has several sockets, each for one gateway at a time
/// (<see cref="ShardAssignment"/>). Not thread-safe.
/// </remarks>
internal sealed class ListenerSockets(IPAddress address) : IDisposable
{
    // Capped by net.core.somaxconn.
    private const int Backlog = 65535;
    private readonly Dictionary<(bool Datagram, int Port), List<Socket>> _sockets = [];
    private readonly Dictionary<string, HandoverMessage> _sets = new(StringComparer.Ordinal);

    /// <summary>The complete set of a fleet, as its gateways are to have it; null for a fleet without one.</summary>
    public HandoverMessage? Set(string fleet) => _sets.GetValueOrDefault(fleet);

    /// <summary>The sockets of a set: one for each of its entries.</summary>
    public IReadOnlyList<SafeHandle> Handles(HandoverMessage set)
    {
        var seen = new Dictionary<(bool, int), int>();
        var handles = new List<SafeHandle>(set.Listeners.Count);
        foreach (var key in set.Listeners.Select(static listener => Key(listener.Protocol, listener.Port)))
        {
            var number = seen.GetValueOrDefault(key);
            handles.Add(_sockets[key][number].SafeHandle);
            seen[key] = number + 1;
        }

        return handles;
    }

    /// <summary>Binds what is new. Nothing changes when anything fails.</summary>
    /// <returns>An error for each listener whose port cannot be had, by its place in <paramref name="listeners"/>; empty: all are bound.</returns>
    public IReadOnlyList<(int Index, string Error)> Prepare(IReadOnlyList<ListenerConfig> listeners)
    {
        var errors = new List<(int, string)>();
        var bound = new List<(bool, int)>();
        var datagramSockets = DatagramSockets.Count(listeners.Count(static listener => listener.Protocol == ListenerProtocol.UDP));
        for (var i = 0; i < listeners.Count; i++)
        {
            var key = Key(listeners[i].Protocol, listeners[i].Port);
            if (_sockets.ContainsKey(key))
            {
                continue;
            }

            try
            {
                _sockets.Add(key, key.Datagram ? DatagramSockets.Bind(address, key.Port, datagramSockets) : [Listen(key.Port)]);
                bound.Add(key);
            }
            catch (SocketException exception)
            {
                errors.Add(
                    (i, $"listener {listeners[i].Name} cannot have {new IPEndPoint(address, key.Port)}: {Explain(exception, key.Port)}")
                );
            }
        }

        if (errors.Count > 0)
        {
            bound.ForEach(Close);
        }

        return errors;
    }

    /// <summary>Makes the listeners the fleet's set; each has been prepared. Returns false when the set is the same as before.</summary>
    public bool Commit(string fleet, IReadOnlyList<ListenerConfig> listeners)
    {
        List<HandoverListener> next =
        [
            .. listeners.SelectMany(listener =>
                _sockets[Key(listener.Protocol, listener.Port)]
                    .Select(_ => new HandoverListener
                    {
                        Name = listener.Name,
                        Protocol = listener.Protocol,
                        Address = address.ToString(),
                        Port = listener.Port,
                    })
            ),
        ];
        var before = _sets.GetValueOrDefault(fleet);
        if (before is not null && next.SequenceEqual(before.Listeners))
        {
            return false;
        }

        _sets[fleet] = new HandoverMessage { Sequence = (before?.Sequence ?? 0) + 1, Listeners = next };
        return true;
    }

    /// <summary>Forgets a fleet; its sockets close with <see cref="CloseUnused"/>.</summary>
    public void Forget(string fleet) => _sets.Remove(fleet);

    /// <summary>Closes the sockets that no set names. Clients that wait in the queue of such a socket are reset.</summary>
    public void CloseUnused()
    {
        var used = _sets
            .Values.SelectMany(static set => set.Listeners)
            .Select(static listener => Key(listener.Protocol, listener.Port))
            .ToHashSet();
        foreach (var key in _sockets.Keys.Where(key => !used.Contains(key)).ToList())
        {
            Close(key);
        }
    }

    public void Dispose()
    {
        _sets.Clear();
        CloseUnused();
    }

    private Socket Listen(int port)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void Close((bool, int) key)
    {
        if (_sockets.Remove(key, out var sockets))
        {
            sockets.ForEach(static socket => socket.Dispose());
        }
    }

    private static string Explain(SocketException exception, int port) =>
        exception.SocketErrorCode switch
        {
            SocketError.AddressAlreadyInUse => "the port is in use",
            SocketError.AccessDenied => $"port {port} needs privilege (see net.ipv4.ip_unprivileged_port_start)",
            SocketError.AddressNotAvailable => "this machine has no such address",
            _ => exception.Message,
        };

    private static (bool Datagram, int Port) Key(ListenerProtocol protocol, int port) => (protocol == ListenerProtocol.UDP, port);
}
