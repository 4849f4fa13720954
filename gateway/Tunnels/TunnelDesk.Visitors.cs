using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tunnels;

/// <summary>Visitors, from accept to where they meet a data connection.</summary>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>A data connection that is not there after this will hardly come.</summary>
    private const long TellAgainMicroseconds = 3_000_000;

    private readonly Dictionary<ulong, Waiting> _waiting = [];
    private readonly Dictionary<int, Waiting> _waitingByDescriptor = [];

    /// <summary>Visitors that wait for a data connection.</summary>
    public int WaitingVisitors => _waitingByDescriptor.Count;

    /// <summary>A visitor's connection has ended.</summary>
    public void VisitorEnded(int slot)
    {
        var port = _ports[slot]!;
        port.Held--;
        port.Session.VisitorLeft();
        port.Session.Tenant.Left();
        if (port.Session.IsEnded)
        {
            FreeIfLast(port);
        }
    }

    /// <summary>Bytes of a connection with a side were read: of a tunnel's visitor they are the tunnel's too.</summary>
    public void Carried(int client, int count, bool fromVisitor)
    {
        var slot = loop.Engine.Sides[client]->Tunnel;
        if (slot > 0)
        {
            _ports[slot - 1]!.Session.Carried(count, fromVisitor);
        }
    }

    /// <summary>The stream of a UDP port's datagrams comes in as a visitor.</summary>
    public void AdmitStream(int stream, Registry.OwnedThing thing, NetworkAddress address, ushort from)
    {
        if (Service.Find(thing) is { Slot: >= 0, Session.IsEnded: false } port && port.Session.Loop == loop)
        {
            Admit(stream, port, address, from);
        }
        else
        {
            _ = Libc.Close(stream);
        }
    }

    /// <summary>What visitors by HTTP are told of a tunnel that has ended here.</summary>
    private static Refusal NoTunnel(TunnelSession session) =>
        session.State == TunnelState.Moved ? new Refusal(503, "the tunnel has moved") : new Refusal(404, "no such tunnel");

    private void ClosePorts(TunnelSession session)
    {
        foreach (var gone in _waitingByDescriptor.Values.Where(waiting => waiting.Port.Session == session).ToList())
        {
            TurnAway(gone.Descriptor, loop.Table[gone.Descriptor], RefusalReason.TunnelGone, gone.IsHttp ? NoTunnel(session) : null);
        }

        foreach (var port in session.Ports)
        {
            CloseSocket(port);
            if (port.Slot >= 0)
            {
                FreeIfLast(port);
            }
        }
    }

    /// <summary>Counts a visitor of a public port, or refuses it.</summary>
    private void Admit(int visitor, TunnelPort port, NetworkAddress address, ushort from)
    {
        var session = port.Session;
        var listener = loop.Engine.Listeners[session.ListenerIndex];
        var refusal = loop.Table.Holds(visitor) ? loop.Admission.TakeVisitor(listener, address) : RefusalReason.Resources;
        if (refusal is null && !session.Tenant.TryVisit())
        {
            loop.Admission.ReleaseVisitor(listener, address);
            refusal = RefusalReason.TunnelQuota;
        }

        if (refusal is not null)
        {
            listener.CountRefusal(refusal.Value);
            Libc.ResetOnClose(visitor);
            _ = Libc.Close(visitor);
            return;
        }

        var channel = ClaimVisitor(visitor, session.ListenerIndex, address, from);
        Hold(visitor, channel, port);
    }

    /// <param name="visitor">Its descriptor.</param>
    /// <param name="listener">Index of its listener.</param>
    /// <param name="address">Where it comes from.</param>
    /// <param name="from">Its port there.</param>
    /// <param name="isItself">That is who it is; not another gateway, which will say for whom it comes.</param>
    private Channel* ClaimVisitor(int visitor, ushort listener, NetworkAddress address, ushort from, bool isItself = true)
    {
        if (isItself)
        {
            loop.Counters[listener]->Traffic.Connections++;
        }

        loop.Balance.Opened();
        var channel = loop.Table.Claim(visitor, ChannelKind.Client, ChannelPhase.TunnelVisitor);
        channel->Loop = loop.Owner;
        channel->Started = loop.Now;
        channel->Address = address;
        channel->Port = from;
        channel->Listener = listener;
        channel->LastActive = loop.Tick;
        if (isItself && loop.Countries.IsOn)
        {
            loop.Countries.Opened(visitor, channel);
        }

        return channel;
    }

    /// <summary>A visitor that is counted everywhere waits for its data connection from here on.</summary>
    /// <param name="visitor">Its descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="port">What it came for.</param>
    /// <param name="isHttp">It has asked for a name by HTTP, and may be answered so.</param>
    private void Hold(int visitor, Channel* channel, TunnelPort port, bool isHttp = false)
    {
        channel->Phase = ChannelPhase.TunnelVisitor;
        loop.Sides.Claim(visitor, channel)->Tunnel = port.Slot + 1;
        port.Held++;
        port.Session.VisitorCame();
        _waitingByDescriptor[visitor] = new Waiting(visitor, port) { IsHttp = isHttp };
        loop.Timers.Arm(visitor, loop.Tick + TimerWheel.Ticks(port.Session.Listener.Config.VisitorTimeout));
        Dispatch(_waitingByDescriptor[visitor]);
    }

    /// <summary>The client is there (again): tells it of all who wait.</summary>
    private void Dispatch(TunnelSession session)
    {
        foreach (var waiting in _waitingByDescriptor.Values.Where(waiting => waiting.Port.Session == session).ToList())
        {
            if (session.Control < 0)
            {
                return;
            }

            // What a former connection was told may have been lost with it.
            Dispatch(waiting);
        }
    }

    private void DispatchUnsent(TunnelSession session)
    {
        foreach (var waiting in _waitingByDescriptor.Values.Where(waiting => waiting.Key == 0 && waiting.Port.Session == session).ToList())
        {
            Dispatch(waiting);
        }
    }

    /// <summary>Tells clients again of visitors whose data connections do not come: the way that they took may be a dead one.</summary>
    private void DispatchOverdue()
    {
        foreach (
            var waiting in _waitingByDescriptor
                .Values.Where(waiting => waiting.Key != 0 && waiting.Port.Session.Echoes && loop.Now - waiting.Told > TellAgainMicroseconds)
                .ToList()
        )
        {
            Dispatch(waiting);
        }
    }

    private void Dispatch(Waiting waiting)
    {
        var session = waiting.Port.Session;
        if (session.Control < 0 || waiting.Line is not null || OfferLine(waiting))
        {
            return;
        }

        // What it was told before is still good: its client may just be slow.
        Forget(waiting.Former);
        (waiting.Former, waiting.Key) = (waiting.Key, TunnelId.NewSecret());
        waiting.Told = loop.Now;
        _waiting[waiting.Key] = waiting;
        var id = IdOf(waiting.Port, waiting.Key).ToGuid();
        var message = session.IsBore
            ? ServerMessage.Connection(id)
            : ServerMessage.Visit(
                new VisitMessage
                {
                    Id = id,
                    Port = waiting.Port.Index,
                    From = From(waiting, loop.Table[waiting.Descriptor]),
                }
            );
        _ = Say(session.Control, loop.Table[session.Control], message);
    }

    private static string? From(Waiting waiting, Channel* visitor) =>
        waiting.Port.Protocol == TunnelProtocol.Udp
            ? null
            : new System.Net.IPEndPoint(visitor->Address.ToIPAddress(), visitor->Port).ToString();

    /// <summary>A data connection has found its visitor, or nobody.</summary>
    private void Join(int data, Channel* channel, TunnelId id, byte[] early)
    {
        if (!_waiting.TryGetValue(id.Secret, out var waiting) || waiting.Port.Slot != id.Slot)
        {
            loop.Closer.Close(data, CloseReason.TunnelGone, reset: false);
            return;
        }

        Detach(data, channel);
        Pair(waiting, data, channel->Has(ChannelFlags.Tls), early);
    }

    /// <summary>From here on they are a client and its upstream.</summary>
    private void Pair(Waiting waiting, int data, bool tls, ReadOnlySpan<byte> early)
    {
        var visitor = waiting.Descriptor;
        var channel = loop.Table[visitor];
        var session = waiting.Port.Session;
        Drop(waiting);
        channel->Flags &= ~ChannelFlags.ReadPaused;
        var upstream = loop.Table.Claim(data, ChannelKind.Upstream, ChannelPhase.Relaying);
        upstream->Flags = tls ? ChannelFlags.Tls : ChannelFlags.None;
        Link(visitor, channel, data, upstream, session.Listener.Endpoint);
        if (session.Rate > 0)
        {
            loop.Shaper.AttachTunnel(visitor, channel, session.Rate);
        }

        Flow(visitor, channel, data, upstream, early);
    }

    private void Link(int visitor, Channel* channel, int data, Channel* upstream, Backends.EndpointState endpoint)
    {
        endpoint.AcquireAlways();
        upstream->Peer = visitor;
        upstream->Started = channel->Started;
        upstream->Endpoint = endpoint.Index;
        upstream->Backend = endpoint.BackendIndex;
        upstream->NoDelay = true;
        channel->Peer = data;
        channel->Phase = ChannelPhase.Relaying;
        loop.Traffic.Connected(channel, upstream);
        loop.StartIdleTimer(visitor, channel);
    }

    private void Flow(int visitor, Channel* channel, int data, Channel* upstream, ReadOnlySpan<byte> early)
    {
        if (!early.IsEmpty)
        {
            loop.Traffic.Received(upstream, early.Length);
            if (!loop.Frames.Send(visitor, channel, early))
            {
                loop.Closer.Close(visitor, CloseReason.ClientReset, reset: true);
                return;
            }
        }

        if (!loop.Watch(visitor, channel) || !loop.Register(data))
        {
            loop.Closer.Close(visitor, CloseReason.Resources, reset: true);
            return;
        }

        if (upstream->Has(ChannelFlags.Tls))
        {
            // OpenSSL may have read more than was asked for.
            loop.Queue(data);
        }
    }

    private void OnVisitorTimer(int visitor, Channel* channel)
    {
        if (_forwards.TryGetValue(visitor, out var forward) && !forward.IsTls)
        {
            TurnAway(visitor, channel, RefusalReason.TunnelTimeout, new Refusal(503, "the tunnel's gateway does not answer"));
            return;
        }

        if (_waitingByDescriptor.TryGetValue(visitor, out var waiting) && waiting.IsHttp)
        {
            TurnAway(visitor, channel, RefusalReason.TunnelTimeout, new Refusal(503, "the tunnel's client does not answer"));
            return;
        }

        loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.TunnelTimeout);
        loop.Closer.Close(visitor, CloseReason.TunnelTimeout, reset: true);
    }

    private void ForgetVisitor(int visitor)
    {
        if (_waitingByDescriptor.TryGetValue(visitor, out var waiting))
        {
            Drop(waiting);
        }
    }

    private void Drop(Waiting waiting)
    {
        _waitingByDescriptor.Remove(waiting.Descriptor);
        Forget(waiting.Key);
        Forget(waiting.Former);
        if (waiting.Line is { } line)
        {
            // It was told of this visitor, and can have no other.
            (waiting.Line, line.Asked) = (null, null);
            loop.Closer.Close(line.Descriptor, CloseReason.TunnelGone, reset: false);
        }
    }

    private void Forget(ulong key)
    {
        if (key != 0)
        {
            _waiting.Remove(key);
        }
    }

    /// <summary>A visitor whose data connection has not come yet.</summary>
    internal sealed class Waiting(int descriptor, TunnelPort port)
    {
        public int Descriptor { get; } = descriptor;

        public TunnelPort Port { get; } = port;

        /// <summary>It is answered by HTTP where nobody comes for it.</summary>
        public bool IsHttp { get; init; }

        /// <summary>What the client was told to bring back; 0: it was told nothing.</summary>
        public ulong Key { get; set; }

        /// <summary>What it was told the time before; 0: nothing.</summary>
        public ulong Former { get; set; }

        /// <summary>When it was told last.</summary>
        public long Told { get; set; }

        /// <summary>The data connection that was offered to it, and has not answered yet.</summary>
        public ReadyLine? Line { get; set; }

        /// <summary>One that was offered did not answer.</summary>
        public bool HasWaited { get; set; }
    }
}
