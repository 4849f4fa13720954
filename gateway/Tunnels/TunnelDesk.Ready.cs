using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tunnels;

/// <summary>Data connections that clients keep ready for the next visitor.</summary>
/// <remarks>
/// One that comes through another gateway looks alive for as long as that gateway's host is, which acknowledges all that a paused process does
/// not read. So both ends beat on them, and a visitor is given to one of those only once it has said that it is there; one that comes straight
/// from the client is as alive as its control connection, and costs its visitor no round trip.
/// </remarks>
internal sealed unsafe partial class TunnelDesk
{
    /// <summary>Between two heartbeats on a data connection that waits.</summary>
    public static readonly TimeSpan ReadyBeat = TimeSpan.FromSeconds(4);

    /// <summary>Bytes read at once: what is behind the answer are the tunnel's own.</summary>
    private const int ReadyBytes = 256;

    private static readonly uint ReadyBeatTicks = TimerWheel.Ticks(ReadyBeat);

    /// <summary>Silent for so long, it is dead.</summary>
    private static readonly uint ReadySilentTicks = TimerWheel.Ticks(ReadyBeat * 2.5);

    /// <summary>For the answer to a visitor.</summary>
    private static readonly uint ReadyAnswerTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(2));

    private readonly Dictionary<int, ReadyLine> _lines = [];

    /// <summary>A data connection has come to the loop that knows what it is for.</summary>
    public void Arrive(int client, TunnelId id, bool ready, byte[] early, bool isDirect)
    {
        var channel = loop.Table[client];
        channel->Phase = ChannelPhase.TunnelReady;
        loop.Timers.Disarm(client);
        if (!ready)
        {
            Join(client, channel, id, early);
            return;
        }

        var session = PortAt(id.Slot)?.Session;
        if (session is not { IsEnded: false } || session.ReadySecret != id.Secret || session.Control < 0 || early.Length > 0)
        {
            loop.Closer.Close(client, CloseReason.TunnelGone, reset: false);
            return;
        }

        if (session.Lines.Count >= OpenRequest.MaxPool)
        {
            loop.Closer.Close(client, CloseReason.Refused, reset: false);
            return;
        }

        var line = new ReadyLine(client, session, isDirect) { Heard = loop.Tick };
        _lines[client] = line;
        session.Lines.Add(line);
        Libc.SetOption(client, SocketLevel.Tcp, SocketOption.TcpUserTimeout, UserTimeoutMilliseconds);
        if (session.Echoes)
        {
            loop.Timers.Arm(client, loop.Tick + ReadyBeatTicks);
        }

        DispatchUnsent(session);
    }

    private void ReadReady(int client, Channel* channel)
    {
        var line = _lines[client];
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var count = loop.Receive(client, channel, ReadyBytes);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, CloseReason.ClientClosed, reset: count != 0);
                }

                return;
            }

            loop.Traffic.Received(channel, count);
            line.Heard = loop.Tick;
            if (!TakeWords(line, channel, new ReadOnlySpan<byte>(loop.ReadBuffer, count)))
            {
                return;
            }
        }

        loop.Queue(client);
    }

    /// <summary>Reads what a client says before it has a visitor. False: it has one, or is gone.</summary>
    private bool TakeWords(ReadyLine line, Channel* channel, ReadOnlySpan<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != 0)
            {
                line.Input.Add(bytes[i]);
                if (line.Session.Echoes && line.Input.Count <= ReadyLine.MaxWord)
                {
                    continue;
                }
            }

            var verb =
                bytes[i] == 0
                    ? ClientMessage.Parse(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(line.Input)).Verb
                    : ClientVerb.Unknown;
            line.Input.Clear();
            if (verb == ClientVerb.Go && line.Asked is { } waiting)
            {
                Leave(line);
                (line.Asked, waiting.Line) = (null, null);
                var early = bytes[(i + 1)..].ToArray();
                Detach(line.Descriptor, channel);
                Pair(waiting, line.Descriptor, channel->Has(ChannelFlags.Tls), early);
                return false;
            }

            if (verb != ClientVerb.Heartbeat || !line.Session.Echoes)
            {
                loop.Closer.Close(line.Descriptor, CloseReason.ProtocolError, reset: true);
                return false;
            }

            if (line.IsDoubted)
            {
                line.IsDoubted = false;
                loop.Timers.Arm(line.Descriptor, loop.Tick + ReadyBeatTicks);
            }
        }

        return true;
    }

    private void OnReadyTimer(int client, Channel* channel)
    {
        var line = _lines[client];
        if (line.Asked is not null)
        {
            Doubt(line);
        }

        if (line.Asked is not null || line.IsDoubted || (int)(loop.Tick - line.Heard) > (int)ReadySilentTicks)
        {
            loop.Closer.Close(client, CloseReason.TunnelTimeout, reset: true);
            return;
        }

        loop.Timers.Arm(client, loop.Tick + ReadyBeatTicks);
        _ = Say(client, channel, ServerMessage.Heartbeat);
    }

    /// <summary>One has not answered: others of the tunnel may have come the same way, and nobody gets one before it has been heard again.</summary>
    private void Doubt(ReadyLine silent)
    {
        foreach (var line in silent.Session.Lines.ToArray())
        {
            if (line is { IsDirect: false, IsDoubted: false, Asked: null })
            {
                line.IsDoubted = true;
                loop.Timers.Arm(line.Descriptor, loop.Tick + ReadyAnswerTicks);
                _ = Say(line.Descriptor, loop.Table[line.Descriptor], ServerMessage.Heartbeat);
            }
        }
    }

    /// <summary>Gives a visitor to a data connection that waits, or asks one whether it is there. False: there is none.</summary>
    private bool OfferLine(Waiting waiting)
    {
        // One is enough to wait for.
        while (NextLine(waiting.Port.Session, onlyDirect: waiting.HasWaited) is { } line)
        {
            var asks = !line.IsDirect && line.Session.Echoes;
            var visit = ServerMessage.Visit(
                new VisitMessage
                {
                    Port = waiting.Port.Index,
                    From = From(waiting, loop.Table[waiting.Descriptor]),
                    Answer = asks ? true : null,
                }
            );
            var channel = loop.Table[line.Descriptor];
            if (!Say(line.Descriptor, channel, visit))
            {
                continue;
            }

            if (channel->Pending != 0)
            {
                loop.Closer.Close(line.Descriptor, CloseReason.ClientReset, reset: true);
            }
            else if (asks)
            {
                (line.Asked, waiting.Line) = (waiting, line);
                loop.Timers.Arm(line.Descriptor, loop.Tick + ReadyAnswerTicks);
                return true;
            }
            else
            {
                Leave(line);
                Detach(line.Descriptor, channel);
                Pair(waiting, line.Descriptor, channel->Has(ChannelFlags.Tls), []);
                return true;
            }
        }

        return false;
    }

    /// <summary>The next that is free: one straight from the client before others.</summary>
    private static ReadyLine? NextLine(TunnelSession session, bool onlyDirect)
    {
        ReadyLine? other = null;
        foreach (var line in session.Lines)
        {
            if (line.Asked is not null || line.IsDoubted)
            {
                continue;
            }

            if (line.IsDirect)
            {
                return line;
            }

            other ??= onlyDirect ? null : line;
        }

        return other;
    }

    private void Leave(ReadyLine line)
    {
        _lines.Remove(line.Descriptor);
        line.Session.Lines.Remove(line);
    }

    /// <summary>It ends; whoever it was offered to looks for another.</summary>
    private void ForgetLine(int descriptor)
    {
        if (!_lines.TryGetValue(descriptor, out var line))
        {
            return;
        }

        Leave(line);
        if (line.Asked is { } waiting)
        {
            (line.Asked, waiting.Line, waiting.HasWaited) = (null, null, true);
            Dispatch(waiting);
        }
    }

    private void CloseReady(TunnelSession session)
    {
        while (session.Lines is [var line, ..])
        {
            loop.Closer.Close(line.Descriptor, CloseReason.TunnelGone, reset: false);
        }
    }
}

/// <summary>A data connection that waits for a visitor.</summary>
internal sealed class ReadyLine(int descriptor, TunnelSession session, bool isDirect)
{
    /// <summary>Bytes of the longest word that a client says on one.</summary>
    public const int MaxWord = 16;

    public int Descriptor { get; } = descriptor;

    public TunnelSession Session { get; } = session;

    /// <summary>It comes from the client itself, not through another gateway.</summary>
    public bool IsDirect { get; } = isDirect;

    /// <summary>Tick at which it was heard last.</summary>
    public uint Heard { get; set; }

    /// <summary>It was asked to speak up at once, and has not yet.</summary>
    public bool IsDoubted { get; set; }

    /// <summary>Part of a word.</summary>
    public List<byte> Input { get; } = new(ReadyLine.MaxWord);

    /// <summary>The visitor that it was offered to, while it has not answered.</summary>
    public TunnelDesk.Waiting? Asked { get; set; }
}
