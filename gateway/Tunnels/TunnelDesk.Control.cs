using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>Control connections: heartbeats, and what becomes of a tunnel whose client is gone.</summary>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>Between two heartbeats, as bore has it.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromMilliseconds(500);

    /// <summary>A client that says that it lives, and has not for so long, is gone.</summary>
    public static readonly TimeSpan SilentAfter = TimeSpan.FromSeconds(10);

    /// <summary>bore's clients never speak, so that only the kernel tells that one is gone: heartbeats that nobody acknowledges.</summary>
    private const int UserTimeoutMilliseconds = 10_000;

    /// <summary>Of one control connection, or one that is kept ready, in one turn.</summary>
    private const int MaxReads = 8;

    private static readonly uint HeartbeatTicks = TimerWheel.Ticks(Heartbeat);
    private static readonly uint SilentTicks = TimerWheel.Ticks(SilentAfter);

    /// <summary>A client has its tunnel.</summary>
    private void TakeControl(int client, TunnelSession session, byte[] rest, bool resumed)
    {
        var channel = loop.Table[client];
        _greetings.Remove(client);
        if (session.IsEnded)
        {
            SayLast(client, channel, ServerMessage.Error("the tunnel has ended"), CloseReason.TunnelGone);
            return;
        }

        if (session.Control >= 0)
        {
            // The client knows better than this gateway that its former connection is dead.
            var former = session.Control;
            _controls.Remove(former);
            session.Control = -1;
            loop.Closer.Close(former, CloseReason.TunnelGone, reset: true);
            // Those that it kept ready took the same way.
            CloseReady(session);
        }

        channel->Phase = ChannelPhase.TunnelControl;
        _controls[client] = session;
        session.Control = client;
        session.LastHeard = loop.Tick;
        session.Input.Clear();
        Libc.SetOption(client, SocketLevel.Tcp, SocketOption.TcpUserTimeout, UserTimeoutMilliseconds);
        if (!session.IsServed)
        {
            ServePorts(session);
        }

        Service.Attached(session);
        loop.Timers.Arm(client, loop.Tick + HeartbeatTicks);
        var answer = session.IsBore ? ServerMessage.Hello(session.Ports[0].Number) : ServerMessage.Opened(Answer(session, resumed));
        // In one piece: a client that reads the answer alone and ends would reset the connection for the rest.
        if (Say(client, channel, [.. answer, .. ServerMessage.Heartbeat]) && TakeInput(client, channel, session, rest))
        {
            Dispatch(session);
        }
    }

    private OpenAnswer Answer(TunnelSession session, bool resumed) =>
        new()
        {
            Key = session.Key,
            Tunnel = session.Name,
            Gateway = Service.Gateway,
            Ready = IdOf(session.Ports[0], session.ReadySecret).ToGuid(),
            Ports =
            [
                .. session.Ports.Select(port => new PortAnswer
                {
                    Protocol = port.Protocol,
                    Port = port.Number,
                    Host = port.Host,
                }),
            ],
            GraceMs = (int)session.Listener.Config.Grace.TotalMilliseconds,
            HeartbeatMs = (int)Heartbeat.TotalMilliseconds,
            ReadyHeartbeatMs = session.Echoes ? (int)ReadyBeat.TotalMilliseconds : 0,
            Resumed = resumed,
        };

    private void ReadControl(int client, Channel* channel)
    {
        var session = _controls[client];
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var count = loop.Receive(client, channel, ReadAhead);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, count == 0 ? CloseReason.ClientClosed : CloseReason.ClientReset, reset: count != 0);
                }

                return;
            }

            loop.Traffic.Received(channel, count);
            session.LastHeard = loop.Tick;
            if (!TakeInput(client, channel, session, new ReadOnlySpan<byte>(loop.ReadBuffer, count)))
            {
                return;
            }
        }

        loop.Queue(client);
    }

    /// <summary>Reads what a client says once it has its tunnel; bore's say nothing. False: the connection is gone.</summary>
    private bool TakeInput(int client, Channel* channel, TunnelSession session, ReadOnlySpan<byte> bytes)
    {
        if (Understand(session, bytes))
        {
            return true;
        }

        Refuse(client, channel, RefusalReason.BadRequest, CloseReason.ProtocolError);
        return false;
    }

    /// <summary>
    /// A client that has ended says so before it closes; where it had something unread, the reset comes right behind. What it said is still there to be
    /// read then. It cannot be answered any more. What is read goes into the loop's buffer, of which nobody who says something has bytes left to look at.
    /// </summary>
    private void HearLast(int client, Channel* channel)
    {
        if (channel->Phase != ChannelPhase.TunnelControl || !_controls.TryGetValue(client, out var session))
        {
            return;
        }

        for (var reads = 0; reads < MaxReads; reads++)
        {
            var count = loop.Receive(client, channel, ReadAhead);
            if (count <= 0 || !Understand(session, new ReadOnlySpan<byte>(loop.ReadBuffer, count)))
            {
                return;
            }
        }
    }

    /// <summary>False: it is nothing that a client says here.</summary>
    private static bool Understand(TunnelSession session, ReadOnlySpan<byte> bytes)
    {
        foreach (var one in bytes)
        {
            if (one != 0)
            {
                session.Input.Add(one);
                if (session.Input.Count <= ClientMessage.MaxBytes)
                {
                    continue;
                }
            }

            var message =
                one == 0
                    ? ClientMessage.Parse(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(session.Input))
                    : ClientMessage.Unknown;
            session.Input.Clear();
            if (session.IsBore || message.Verb is not (ClientVerb.Heartbeat or ClientVerb.Bye))
            {
                return false;
            }

            session.SaidBye |= message.Verb == ClientVerb.Bye;
        }

        return true;
    }

    private void OnControlTimer(int client, Channel* channel)
    {
        var session = _controls[client];
        if (!session.IsBore && (int)(loop.Tick - session.LastHeard) > (int)SilentTicks)
        {
            loop.Closer.Close(client, CloseReason.TunnelTimeout, reset: true);
            return;
        }

        loop.Timers.Arm(client, loop.Tick + HeartbeatTicks);
        _ = Say(client, channel, ServerMessage.Heartbeat);
    }

    private void OnControlLost(TunnelSession session)
    {
        session.Control = -1;
        if (session.IsBore || session.SaidBye || session.Listener.Config.Grace == TimeSpan.Zero)
        {
            End(session, TunnelState.Closed, session.SaidBye ? "the client has ended" : "the client's connection has ended");
            return;
        }

        if (Service.GivesWay)
        {
            End(session, TunnelState.Moved, "another process has this one's place");
            return;
        }

        CloseReady(session);
        Service.Detached(session);
    }

    /// <summary>A drain sends the client away: it comes again, and to another gateway.</summary>
    public void SendAway(int client, Channel* channel, CloseReason reason)
    {
        var session = _controls[client];
        if (session.IsBore || Say(client, channel, ServerMessage.Goodbye))
        {
            loop.Closer.Close(client, reason, reset: false);
        }
    }

    /// <summary>Ends a tunnel: its ports are closed, its waiting visitors too; those that are served go on.</summary>
    public void End(TunnelSession session, TunnelState state, string reason)
    {
        if (!Service.Ended(session, state, reason))
        {
            return;
        }

        if (session.Control >= 0)
        {
            var control = session.Control;
            session.Control = -1;
            _controls.Remove(control);
            SayLast(control, loop.Table[control], ServerMessage.Error(reason), CloseReason.TunnelGone);
        }

        CloseReady(session);
        ClosePorts(session);
    }

    /// <summary>A data connection: to the gateway and the loop where its visitor waits.</summary>
    private void Bring(int client, Channel* channel, Guid id, bool ready, byte[] early)
    {
        var place = TunnelId.Read(id);
        if (place.Owner != Service.OwnerNumber)
        {
            var forwarded = _greetings.Remove(client, out var greeting) && greeting.Listener == Service.Peers;
            if (forwarded)
            {
                // Once, and no further.
                loop.Closer.Close(client, CloseReason.TunnelGone, reset: false);
                return;
            }

            BringElsewhere(client, channel, id, ready, early);
        }
        else if (place.Loop >= loop.Engine.Loops.Length)
        {
            loop.Closer.Close(client, CloseReason.TunnelGone, reset: false);
        }
        else
        {
            var isDirect = !(_greetings.TryGetValue(client, out var greeting) && greeting.Listener == Service.Peers);
            _ = Move(client, channel, loop.Engine.Loops[place.Loop], desk => desk.Arrive(client, place, ready, early, isDirect));
        }
    }

    /// <summary>
    /// Brings a client to another loop with its place in every count; then it goes on there, and its channel is not to be looked at here any more. False: it is gone.
    /// </summary>
    private bool Move(int client, Channel* channel, RelayLoop target, Action<TunnelDesk> then)
    {
        _greetings.Remove(client);
        if (target == loop)
        {
            then(this);
            return true;
        }

        if (channel->Pending != 0)
        {
            // What it was told is still on its way, after all this time: no client of any use.
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return false;
        }

        loop.Timers.Disarm(client);
        loop.Unqueue(client);
        loop.Unregister(client);
        loop.Admission.Suspend(channel);
        loop.Balance.Closed();
        var side = channel->Has(ChannelFlags.Side) ? loop.Sides.Leave(client) : default;
        var (flags, phase) = (channel->Flags & (ChannelFlags.Tls | ChannelFlags.Peer), channel->Phase);
        channel->Flags = flags;
        channel->Kind = ChannelKind.None;
        channel->Loop = 0;
        target.Balance.Opened();
        target.Post(() => target.Tunnels.Adopt(client, phase, side, then));
        return true;
    }

    private void Adopt(int client, ChannelPhase phase, MovedSide side, Action<TunnelDesk> then)
    {
        var channel = loop.Table[client];
        channel->Kind = ChannelKind.Client;
        channel->Phase = phase;
        channel->Loop = loop.Owner;
        channel->LastActive = loop.Tick;
        loop.Admission.Resume(channel);
        loop.Sides.Enter(client, channel, side);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
            return;
        }

        then(this);
        if (channel->Kind != ChannelKind.None && channel->Has(ChannelFlags.Tls))
        {
            // OpenSSL may have read more than was asked for.
            loop.Queue(client);
        }
    }
}
