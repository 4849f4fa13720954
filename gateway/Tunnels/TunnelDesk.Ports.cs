using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>Public ports: their places, their sockets, and who comes there.</summary>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>Visitors accepted from one port in one turn.</summary>
    private const int MaxBatch = 16;

    /// <summary>Pause of the ports when descriptors ran out.</summary>
    private const long ExhaustedMicroseconds = 100_000;

    private readonly List<TunnelPort?> _ports = [];
    private readonly Stack<int> _freeSlots = new();
    private readonly byte* _address = (byte*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(KernelAddress.MaxBytes);
    private long _resumeAt;

    /// <summary>Places of ports in use: those of open tunnels, and of ended ones that still have visitors.</summary>
    public int Slots => _ports.Count - _freeSlots.Count;

    public void OnAcceptable(int number)
    {
        if (number >= FirstForeign)
        {
            if (number == PeerNumber)
            {
                AcceptPeer();
            }
            else
            {
                AcceptForeign(number);
            }

            return;
        }

        if (_resumeAt != 0 || PortAt(number - FirstSlot) is not { Socket: >= 0 } port)
        {
            return;
        }

        for (var accepted = 0; accepted < MaxBatch && port.Socket >= 0; accepted++)
        {
            var visitor = Accept(port.Socket, out var address, out var from);
            if (visitor < 0)
            {
                return;
            }

            Admit(visitor, port, address, from);
        }
    }

    /// <summary>The next who waits at a socket; negative: nobody, or there is no descriptor to spare.</summary>
    private int Accept(int socket, out NetworkAddress address, out ushort from)
    {
        uint length = KernelAddress.MaxBytes;
        var accepted = Libc.Accept(socket, _address, &length, SocketFlag.NonBlocking | SocketFlag.CloseOnExec);
        if (accepted < 0)
        {
            PauseIfExhausted(Libc.LastError);
            (address, from) = (default, 0);
            return accepted;
        }

        (address, from) = KernelAddress.Read(_address);
        return accepted;
    }

    /// <summary>Goes on accepting after a pause. To be called at each turn's end.</summary>
    public void OnTurnEnd()
    {
        if (_resumeAt > loop.Now)
        {
            // Again: the loop wakes at the nearest of all times, and keeps no other.
            loop.WakeAfter(_resumeAt - loop.Now);
        }
        else if (_resumeAt != 0)
        {
            _resumeAt = 0;
            foreach (var port in _ports)
            {
                if (port is { Socket: >= 0 })
                {
                    loop.RegisterListener(port.Socket, FirstSlot + port.Slot);
                }
            }

            foreach (var (number, port) in _foreign)
            {
                loop.RegisterListener(port.Socket, number);
            }

            if (Service.PeerDescriptor >= 0)
            {
                loop.RegisterListener(Service.PeerDescriptor, PeerNumber);
            }
        }
    }

    private void ServePorts(TunnelSession session)
    {
        session.IsServed = true;
        Limit(session);
        foreach (var port in session.Ports)
        {
            if (!_freeSlots.TryPop(out var slot))
            {
                slot = _ports.Count;
                _ports.Add(null);
            }

            _ports[slot] = port;
            port.Slot = slot;
            if (port.Socket >= 0)
            {
                loop.RegisterListener(port.Socket, FirstSlot + slot);
            }

            port.Datagrams?.Start();
        }
    }

    /// <summary>Holds the tunnels to the bandwidth of the config in force. Visitors under way follow, but for those of a tunnel that had no limit before.</summary>
    public void LimitBandwidth()
    {
        foreach (var port in _ports)
        {
            if (port is not null)
            {
                Limit(port.Session);
            }
        }
    }

    private void Limit(TunnelSession session)
    {
        var rate = session.Listener.BytesPerSecond(session.Tenant);
        if (session.Rate > 0)
        {
            loop.Shaper.SetTunnel(session.Rate, rate);
        }
        else if (rate > 0)
        {
            session.Rate = loop.Shaper.NewTunnel(rate);
        }
    }

    private void CloseSocket(TunnelPort port)
    {
        if (port.Socket < 0)
        {
            return;
        }

        loop.Unregister(port.Socket);
        _ = Libc.Close(port.Socket);
        port.Socket = -1;
    }

    /// <summary>A place is free once no visitor names it any more.</summary>
    private void FreeIfLast(TunnelPort port)
    {
        if (port.Held > 0)
        {
            return;
        }

        _ports[port.Slot] = null;
        _freeSlots.Push(port.Slot);
        port.Slot = -1;
        if (port.Session.Rate > 0 && port.Session.Ports.All(static one => one.Slot < 0))
        {
            loop.Shaper.ForgetTunnel(port.Session.Rate);
            port.Session.Rate = 0;
        }
    }

    private TunnelPort? PortAt(int slot) => slot >= 0 && slot < _ports.Count ? _ports[slot] : null;

    private TunnelId IdOf(TunnelPort port, ulong secret) => new(Service.OwnerNumber, (byte)(loop.Owner - 1), port.Slot, secret);

    /// <summary>Watched on without a descriptor to spare, the sockets would wake the loop without end.</summary>
    private void PauseIfExhausted(int error)
    {
        if (error is not (Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM) || _resumeAt != 0)
        {
            return;
        }

        _resumeAt = loop.Now + ExhaustedMicroseconds;
        loop.WakeAfter(ExhaustedMicroseconds);
        foreach (var port in _ports)
        {
            if (port is { Socket: >= 0 })
            {
                loop.Unregister(port.Socket);
            }
        }

        foreach (var port in _foreign.Values)
        {
            loop.Unregister(port.Socket);
        }

        if (Service.PeerDescriptor >= 0)
        {
            loop.Unregister(Service.PeerDescriptor);
        }
    }

    private void DisposePorts()
    {
        foreach (var port in _ports)
        {
            if (port is { Socket: >= 0 })
            {
                _ = Libc.Close(port.Socket);
                port.Socket = -1;
            }
        }

        System.Runtime.InteropServices.NativeMemory.Free(_address);
    }
}
