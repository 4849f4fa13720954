// Hot path: per connection. See tests/benchmarks.
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes new connections off the listening sockets of one loop, and refuses what is over a limit.</summary>
internal sealed unsafe class Acceptor(RelayLoop loop)
{
    /// <summary>Connections accepted from one listener in one turn, so that those being served keep their turn.</summary>
    private const int MaxBatch = 64;

    /// <summary>
    /// After this many the socket is watched anew, which puts this loop at the end of those who wait for it: the kernel wakes the first
    /// that sleeps, so an idle host would give all its connections to one loop or process. Two system calls, spread over this many.
    /// </summary>
    private const int RotateAfter = 4;

    /// <summary>Pause of a loop that ran out of descriptors; it also goes on as soon as enough of its own are closed.</summary>
    private const long ExhaustedMicroseconds = 100_000;

    /// <summary>Descriptors of one connection: with fewer there is no use in trying before the pause is over.</summary>
    private const int Enough = 2;

    private readonly Dictionary<ushort, Watch> _watched = [];
    private readonly HostBalance _host = new(loop);
    private readonly byte* _address = (byte*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(KernelAddress.MaxBytes);
    private long _limit;
    private uint _limitTurn;
    private bool _exhausted;
    private long _exhaustedAt;
    private int _freed;
    private bool _paused;
    private bool _away;
    private long _backAt;
    private long _exhaustions;

    /// <summary>A descriptor that is kept for the upstream of whoever was accepted with the last one. -1: used.</summary>
    private int _spare = Spare();

    /// <summary>Times that this loop ran out of descriptors. Thread-safe.</summary>
    public long Exhaustions => Volatile.Read(ref _exhaustions);

    /// <summary>Accepting pauses for want of descriptors. Thread-safe.</summary>
    public bool IsExhausted => Volatile.Read(ref _exhausted);

    private bool IsWatching => !_exhausted && !_paused && !_away;

    /// <summary>Watches exactly these sockets from now on. Once it returns, the loop accepts from no other.</summary>
    public void Watch(IReadOnlyDictionary<ushort, Watch> wanted)
    {
        foreach (var (listener, watch) in _watched.ToArray())
        {
            if (!wanted.TryGetValue(listener, out var same) || same != watch)
            {
                _watched.Remove(listener);
                if (IsWatching)
                {
                    loop.Unregister(watch.Descriptor);
                }
            }
        }

        _host.Listen();
        foreach (var (listener, watch) in wanted)
        {
            if (_watched.TryAdd(listener, watch) && IsWatching)
            {
                loop.RegisterListener(watch.Descriptor, listener);
            }
        }
    }

    public void OnAcceptable(int listener)
    {
        // The event may be of a socket that an earlier event of this turn stopped watching.
        if (!IsWatching || !_watched.TryGetValue((ushort)listener, out var watch))
        {
            return;
        }

        var room = _host.Room();
        if (room == 0)
        {
            Leave();
            return;
        }

        var totals = loop.Counters[listener];
        // One, since an accept that finds nothing is a call for nothing; but more and more while connections wait in every turn.
        var batch = totals->LastTurn + 1 == loop.Turn ? Math.Clamp(totals->Batch * 2, 1, MaxBatch) : 1;
        batch = Math.Min(batch, room);
        var accepted = 0;
        for (var tries = 0; accepted < batch && tries < MaxBatch && IsWatching; tries++)
        {
            uint length = KernelAddress.MaxBytes;
            var client = Libc.Accept(watch.Descriptor, _address, &length, SocketFlag.NonBlocking | SocketFlag.CloseOnExec);
            if (client >= 0)
            {
                accepted++;
                Assign(client, (ushort)listener);
                continue;
            }

            if (!OnAcceptError(Libc.LastError, watch))
            {
                break;
            }
        }

        totals->Batch = accepted;
        totals->LastTurn = loop.Turn;
        totals->SinceRotation += accepted;
        _host.Accepted(accepted);
        if (watch.Shared && totals->SinceRotation >= RotateAfter && IsWatching && !_host.IsLeast)
        {
            totals->SinceRotation = 0;
            loop.Unregister(watch.Descriptor);
            loop.RegisterListener(watch.Descriptor, listener);
        }
    }

    /// <summary>Looks whether another gateway of the host has left something to this one: the kernel has told nobody but that one of it.</summary>
    public void OnWoken()
    {
        if (!_host.IsCalled())
        {
            return;
        }

        if (_away)
        {
            _backAt = loop.Now;
            ComeBack();
        }

        foreach (var listener in _watched.Keys)
        {
            OnAcceptable(listener);
        }
    }

    /// <summary>Goes on accepting when the pause is over.</summary>
    public void OnTurnEnd()
    {
        if (_exhausted)
        {
            var left = _exhaustedAt + ExhaustedMicroseconds - loop.Now;
            if (left <= 0)
            {
                Recover();
            }
            else
            {
                // Again: the loop wakes at the nearest of all times, and keeps no other.
                loop.WakeAfter(left);
            }
        }

        if (_away)
        {
            ComeBack();
        }

        // One that is away comes back when it is called.
        _host.Publish(!_exhausted && !_paused && _watched.Count > 0);
    }

    /// <summary>Goes on accepting where there are descriptors for another connection.</summary>
    public void OnDescriptorsFreed(int count)
    {
        if (_exhausted && (_freed += count) >= Enough)
        {
            Recover();
        }
    }

    /// <summary>Stops or goes on accepting: there is too little memory. Whoever comes meanwhile waits in the kernel's queue.</summary>
    public void Pause(bool paused)
    {
        var watched = IsWatching;
        _paused = paused;
        Follow(watched);
    }

    /// <summary>There was no descriptor for an upstream: nothing is accepted for a while. True: the spare one is free now, for another try.</summary>
    public bool OnNoUpstream(int error)
    {
        if (error is not (Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM))
        {
            return false;
        }

        if (!_exhausted)
        {
            OnExhausted();
        }

        if (_spare < 0)
        {
            return false;
        }

        _ = Libc.Close(_spare);
        _spare = -1;
        return true;
    }

    /// <summary>Other gateways of the host have clearly fewer connections: what waits is theirs, if they come for it.</summary>
    private void Leave()
    {
        var watched = IsWatching;
        _away = true;
        _backAt = loop.Now + _host.Away;
        Follow(watched);
        loop.WakeAfter(_host.Away);
        _host.Call();
    }

    private void ComeBack()
    {
        if (loop.Now < _backAt)
        {
            loop.WakeAfter(_backAt - loop.Now);
            return;
        }

        var watched = IsWatching;
        _away = false;
        _host.Back();
        Follow(watched);
    }

    /// <summary>Watched on, the sockets would wake the loop without end. The queue keeps who waits there.</summary>
    private void OnExhausted()
    {
        var watched = IsWatching;
        _exhausted = true;
        _exhaustedAt = loop.Now;
        _freed = 0;
        Volatile.Write(ref _exhaustions, _exhaustions + 1);
        Follow(watched);
        loop.WakeAfter(ExhaustedMicroseconds);
    }

    private void Recover()
    {
        // Who was accepted goes before who waits in the kernel's queue.
        if (!loop.Connector.FeedStarved() || (_spare < 0 && (_spare = Spare()) < 0))
        {
            _exhaustedAt = loop.Now;
            _freed = 0;
            loop.WakeAfter(ExhaustedMicroseconds);
            return;
        }

        var watched = IsWatching;
        _exhausted = false;
        Follow(watched);
    }

    /// <summary>Watches the sockets, or no more, where that has changed.</summary>
    private void Follow(bool watched)
    {
        if (watched == IsWatching)
        {
            return;
        }

        foreach (var (listener, watch) in _watched)
        {
            if (watched)
            {
                loop.Unregister(watch.Descriptor);
            }
            else
            {
                loop.RegisterListener(watch.Descriptor, listener);
            }
        }
    }

    /// <summary>Gives back what is not a connection's.</summary>
    public void Free()
    {
        System.Runtime.InteropServices.NativeMemory.Free(_address);
        if (_spare >= 0)
        {
            _ = Libc.Close(_spare);
        }
    }

    private static int Spare() => Libc.EventFd(0, SocketFlag.NonBlocking | SocketFlag.CloseOnExec);

    /// <summary>True: try the next one.</summary>
    private bool OnAcceptError(int error, Watch failed)
    {
        switch (error)
        {
            case Errno.EAGAIN:
                return false;
            case Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM:
                OnExhausted();
                return false;
            case Errno.EINVAL:
                // It listens no more: its owner has shut it down. Watched on, it would wake the loop without end.
                loop.Unregister(failed.Descriptor);
                return false;
            default:
                // Of the connection, not of the listener: it was reset before it was accepted, mostly.
                return true;
        }
    }

    /// <summary>The client is admitted, and what stood before its protocol is done: its first byte is the protocol's.</summary>
    public void Serve(int client, Channel* channel, ListenerSetup setup)
    {
        if (loop.Countries.IsOn)
        {
            loop.Countries.Opened(client, channel);
        }

        if (setup.Tls is { } tls)
        {
            loop.TlsAcceptor.Start(client, channel, tls);
        }
        else
        {
            ServeInside(client, channel, setup);
        }
    }

    /// <summary>Takes a client into what the listener is for: at once, or once its TLS stands.</summary>
    public void ServeInside(int client, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.Connecting;
        if (loop.Engine.Echoes)
        {
            loop.StartEcho().Start(client, channel, setup);
        }
        else if (setup.Hub is not null)
        {
            loop.StartHub().Http.Start(client, channel, setup);
        }
        else if (setup.Config.Protocol == ListenerProtocol.WebSocket)
        {
            loop.Upgrader.Start(client, channel, setup);
        }
        else if (setup.Config.Protocol == ListenerProtocol.Tunnel)
        {
            loop.Tunnels.Start(client, channel, setup);
        }
        else
        {
            loop.Connector.Start(client, channel, setup.Backend!);
        }
    }

    private void Assign(int client, ushort listener)
    {
        var (address, port) = KernelAddress.Read(_address);
        var accepted = new Accepted(client, listener, address, port);
        if (loop.Engine.Loops.Length > 1 && MayGive(client) && loop.Balance.Choose() is var chosen && chosen != loop)
        {
            chosen.Balance.Give(accepted);
        }
        else
        {
            Admit(accepted);
        }
    }

    /// <summary>
    /// Whether there are descriptors for what a client is given to another loop for. With the last of them each loop serves its own, one after the other: or they would all be
    /// clients' by the time the other loop looks for its upstreams'.
    /// </summary>
    private bool MayGive(int client)
    {
        if (_limitTurn != loop.Turn)
        {
            (_limitTurn, _limit) = (loop.Turn, ProcessLimits.OpenFilesNow());
        }

        // The kernel gives the lowest number that is free.
        return client < _limit - ProcessLimits.ReservedDescriptors;
    }

    /// <summary>Serves a connection on this loop, or refuses it.</summary>
    public void Admit(in Accepted accepted)
    {
        var (client, index, address, port) = accepted;
        var listener = loop.Engine.Listeners[index];
        var setup = listener.Setup;
        var behindProxy = setup?.Config.Proxy is { } proxy && proxy.Trusts(address);
        var refusal =
            !loop.Table.Holds(client) ? RefusalReason.Resources
            : setup?.Config.Proxy is { RefusesOthers: true } && !behindProxy ? RefusalReason.UntrustedProxy
            : loop.Admission.Take(listener, setup, address, behindProxy);
        if (refusal is not null)
        {
            loop.Refuser.Refuse(client, listener, refusal.Value);
            return;
        }

        loop.Counters[index]->Traffic.Connections++;
        loop.Balance.Opened();
        var channel = loop.Table.Claim(client, ChannelKind.Client, ChannelPhase.Connecting);
        channel->Loop = loop.Owner;
        channel->Started = loop.Now;
        channel->Address = address;
        channel->Port = port;
        channel->Listener = index;
        channel->LastActive = loop.Tick;
        try
        {
            if (behindProxy)
            {
                loop.Proxy.Start(client, channel, setup!);
            }
            else
            {
                Serve(client, channel, setup!);
            }
        }
        catch (Exception error)
        {
            // What a peer sends first is parsed here already.
            loop.OnFault(client, error);
        }
    }
}

/// <param name="Descriptor">A listening socket.</param>
/// <param name="Shared">Other loops or processes watch it too.</param>
internal readonly record struct Watch(int Descriptor, bool Shared);
