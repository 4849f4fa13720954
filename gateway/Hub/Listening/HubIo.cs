// Hot path: every event of a Hub connection. See tests/benchmarks.
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>The sockets of Hub clients on one loop: messages in, frames out, close frames both ways.</summary>
/// <remarks>
/// Made with the first connection to a Hub listener. Everything is queued in a turn and written at its end, each client once; what a socket does not take
/// waits in its session's queue, by reference. Until it is upgraded a connection belongs to <see cref="HubHttp"/>.
/// </remarks>
internal sealed unsafe class HubIo : IDisposable
{
    /// <summary>Reads per event before the loop's other connections get their turn.</summary>
    private const int MaxReads = 8;

    /// <summary>Bytes written to one client in one call.</summary>
    private const int WriteBytes = 32 * 1024;

    /// <summary>Rounds of one turn's end: what a flush brings about is done at once, but not for ever.</summary>
    private const int MaxRounds = 4;

    /// <summary>How long a client may take to answer a close frame.</summary>
    private static readonly uint CloseTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(5));

    private readonly RelayLoop _loop;
    private readonly RespTurn _turn;
    private readonly byte* _scratch = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc(WriteBytes);
    private readonly MessageReader _reader = new();
    private readonly MessageCompressor _compressor = new();
    private readonly Dictionary<HubNode, HubLoop> _hubs = [];
    private readonly List<HubLoop> _all = [];
    private HubSession?[] _sessions = new HubSession?[256];

    /// <summary>For whoever's next message comes: one that comes whole leaves nothing behind.</summary>
    private MessageUnderWay? _spare = new();

    /// <summary>Sessions that have been sent a close frame, or are about to: by descriptor, why.</summary>
    private readonly Dictionary<int, CloseReason> _closing = [];

    public HubIo(RelayLoop loop)
    {
        _loop = loop;
        Http = new HubHttp(loop, this);
        _turn = RespTurn.Begin();
    }

    public HubHttp Http { get; }

    /// <summary>The sessions of a listener on this loop, made with its first client.</summary>
    public HubLoop LoopOf(HubNode node)
    {
        if (!_hubs.TryGetValue(node, out var hub))
        {
            _hubs[node] = hub = new HubLoop(node, new Wire(this), _compressor);
            _all.Add(hub);
            node.Add(hub);
        }

        return hub;
    }

    /// <summary>A client's upgrade was answered.</summary>
    /// <param name="client">Its descriptor.</param>
    /// <param name="channel">Its.</param>
    /// <param name="hub">The listener's sessions here.</param>
    /// <param name="codec">Its encoding.</param>
    /// <param name="windowBits">Of the compression agreed on, 9 to 15; 0: none.</param>
    /// <param name="sent">Bytes that it was sent so far.</param>
    /// <param name="early">What came behind the request.</param>
    public void Open(int client, Channel* channel, HubLoop hub, HubCodec codec, byte windowBits, long sent, ReadOnlySpan<byte> early)
    {
        if (client >= _sessions.Length)
        {
            Array.Resize(ref _sessions, Math.Max(client + 1, _sessions.Length * 2));
        }

        var session = LoopOf(hub.Node).Open(client, codec, windowBits);
        session.Sent = sent;
        _sessions[client] = session;
        if (hub.Node.IsRetired)
        {
            session.Loop.Disconnect(session, HubDisconnect.ForceReconnect);
            return;
        }

        if (!early.IsEmpty)
        {
            var copy = early.ToArray();
            Take(client, channel, session, copy);
        }
    }

    public bool IsOpen(int client) => client < _sessions.Length && _sessions[client] is not null;

    public void OnEvent(int client, Channel* channel, uint events)
    {
        if (client >= _sessions.Length || _sessions[client] is not { } session)
        {
            Http.OnEvent(client, channel, events);
            return;
        }

        if ((events & Epoll.Error) != 0)
        {
            _loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return;
        }

        if ((events & Epoll.Out) != 0 && (channel->Pending != 0 || session.Out.Count > 0))
        {
            if (channel->Pending != 0)
            {
                _loop.Pump.FlushBuffer(client, channel);
                if (channel->Kind == ChannelKind.None)
                {
                    return;
                }
            }

            if (!Flush(session))
            {
                return;
            }
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp)) != 0)
        {
            Read(client, channel, session, (events & (Epoll.ReadHangUp | Epoll.HangUp)) != 0);
        }
    }

    public void OnTimer(int client)
    {
        if (client >= _sessions.Length || _sessions[client] is not { } session)
        {
            Http.OnTimer(client);
        }
        else if (_closing.TryGetValue(client, out var reason))
        {
            // It has not answered the close frame.
            _loop.Closer.Close(client, reason, reset: false);
        }
        else
        {
            session.Loop.OnTimer(session);
        }
    }

    /// <summary>Ends a client from outside: a drain, mostly.</summary>
    public void Close(int client, HubDisconnect disconnect, CloseReason reason)
    {
        if (client >= _sessions.Length || _sessions[client] is not { } session)
        {
            _loop.Closer.Close(client, reason, reset: true);
            return;
        }

        if (_closing.TryAdd(client, reason))
        {
            session.Loop.Closed(session);
            SendClose(session, CloseFrame.Encode(disconnect.Code, disconnect.Reason));
            Settle(session);
        }
    }

    /// <summary>The connection ends: gives back what is kept for it.</summary>
    public void Forget(int client)
    {
        Http.Forget(client);
        if (client < _sessions.Length && _sessions[client] is { } session)
        {
            session.Loop.Closed(session);
            if (session.Incoming is { } incoming)
            {
                _reader.Release(ref incoming.State);
                session.Incoming = null;
            }

            session.Out.Release();
            _sessions[client] = null;
            _closing.Remove(client);
        }
    }

    /// <summary>Bytes that are kept for a client: its request, its message that has come in part, and what waits to be written to it.</summary>
    /// <remarks>A publication to many is counted for each that it waits for, though it is there once: it goes with the last of them.</remarks>
    public long HeldOf(int client) =>
        client < _sessions.Length && _sessions[client] is { } session
            ? session.Out.Bytes + (session.Incoming is { } incoming ? _reader.HeldBy(incoming.State) : 0)
            : Http.HeldOf(client);

    /// <summary>Bytes that a client was sent.</summary>
    public long SentTo(int client) => client < _sessions.Length && _sessions[client] is { } session ? session.Sent : Http.SentTo(client);

    public void OnTurnEnd()
    {
        RunRounds();
        _turn.End();
        for (var i = _all.Count - 1; i >= 0; i--)
        {
            if (_all[i].Node.IsRetired && _all[i].IsIdle)
            {
                _hubs.Remove(_all[i].Node);
                _all[i].Node.Remove(_all[i]);
                _all.RemoveAt(i);
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _compressor.Dispose();
        System.Runtime.InteropServices.NativeMemory.Free(_scratch);
    }

    private void RunRounds()
    {
        for (var round = 0; round < MaxRounds; round++)
        {
            var more = false;
            foreach (var hub in _all)
            {
                hub.RunPosted();
                hub.FlushAll();
                more |= hub.HasPosted;
            }

            if (!more)
            {
                return;
            }
        }

        _loop.Wake();
    }

    private void Read(int client, Channel* channel, HubSession session, bool toEnd)
    {
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var wanted = _loop.Pump.ReadSize;
            var count = _loop.Receive(client, channel, wanted);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    var reason =
                        _closing.TryGetValue(client, out var known) ? known
                        : count == 0 ? CloseReason.ClientClosed
                        : CloseReason.ClientReset;
                    _loop.Closer.Close(client, reason, reset: count != 0);
                }

                return;
            }

            _loop.Traffic.ReceivedAlone(client, channel, count);
            channel->LastActive = _loop.Tick;
            if (!Take(client, channel, session, new Span<byte>(_loop.ReadBuffer, count)))
            {
                return;
            }

            if (count < wanted && !toEnd)
            {
                return;
            }
        }

        _loop.Queue(client);
    }

    /// <summary>Takes messages out of what has come. False when the connection is gone.</summary>
    private bool Take(int client, Channel* channel, HubSession session, Span<byte> chunk)
    {
        var incoming = session.Incoming ?? Begin(session);
        ref var messages = ref _loop.Counters[channel->Listener]->Messages;
        var limits = session.Loop.Options.Limits;
        while (_reader.TryRead(ref incoming.State, ref chunk, limits, out var found))
        {
            switch (found.Kind)
            {
                case MessageEventKind.Message when session.IsClosed:
                    break;
                case MessageEventKind.Message when found.Opcode != session.Codec.Opcode:
                    session.Loop.Disconnect(session, HubDisconnect.InappropriateProtocol);
                    break;
                case MessageEventKind.Message:
                    messages++;
                    if (found.CompressedBytes > 0)
                    {
                        session.Loop.Counters.ReceivedBefore += found.Payload.Length;
                        session.Loop.Counters.ReceivedAfter += found.CompressedBytes;
                    }

                    session.Loop.Receive(session, found.Payload);
                    break;
                case MessageEventKind.Ping when !session.IsClosed:
                    var pong = new byte[ServerFrame.SizeOf(found.Payload.Length)];
                    ServerFrame.Write(pong, Opcode.Pong, found.Payload, compressed: false);
                    session.Loop.Queue(session, pong, null);
                    break;
                case MessageEventKind.Close:
                    OnClose(client, session, found.CloseCode);
                    return false;
                case MessageEventKind.Error:
                    OnError(client, session, found.Error!);
                    break;
            }

            if (channel->Kind == ChannelKind.None)
            {
                return false;
            }
        }

        if (incoming.State.IsAtRest)
        {
            incoming.State = default;
            session.Incoming = null;
            _spare = incoming;
        }

        return true;
    }

    /// <summary>The client's next message begins. Between two nothing is kept of them, compressed or not.</summary>
    private MessageUnderWay Begin(HubSession session)
    {
        var incoming = _spare ?? new MessageUnderWay();
        _spare = null;
        if (session.WindowBits != 0)
        {
            incoming.State = new MessageState(new DeflateAgreement(session.WindowBits, ServerTakesOver: false, ClientTakesOver: false));
        }

        session.Incoming = incoming;
        return incoming;
    }

    /// <summary>The client says goodbye, or answers ours.</summary>
    private void OnClose(int client, HubSession session, int code)
    {
        if (_closing.TryGetValue(client, out var reason))
        {
            _loop.Closer.Close(client, reason, reset: false);
            return;
        }

        session.Loop.Closed(session);
        Span<byte> reply = stackalloc byte[4];
        var length = CloseFrame.EncodeReply(code, reply);
        session.Out.Add(reply[..length].ToArray(), null, 0);
        if (Flush(session))
        {
            _loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
        }
    }

    private void OnError(int client, HubSession session, MessageError error)
    {
        if (_closing.TryAdd(client, CloseReason.ProtocolError))
        {
            session.Loop.Closed(session);
            SendClose(session, CloseFrame.Encode(error.Code, error.Reason));
            Settle(session);
        }
    }

    /// <summary>Queues a close frame; from here on what the client sends is only looked at for its answer.</summary>
    private void SendClose(HubSession session, byte[] frame)
    {
        session.Out.Add(frame, null, (uint)(_loop.Now / 1000));
        _loop.Timers.Arm(session.Descriptor, _loop.Tick + CloseTicks);
    }

    private void Settle(HubSession session)
    {
        // It is no session of its loop's any more, whose flush at the turn's end would write this.
        Flush(session);
    }

    /// <summary>Writes what waits. False when the socket is gone.</summary>
    private bool Flush(HubSession session)
    {
        var client = session.Descriptor;
        var channel = _loop.Table[client];
        while (channel->Pending == 0 && session.Out.Count > 0)
        {
            var count = session.Out.Take(new Span<byte>(_scratch, WriteBytes), out var messages);
            if (!_loop.Frames.Send(client, channel, new ReadOnlySpan<byte>(_scratch, count)))
            {
                _loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
                return false;
            }

            _loop.Traffic.SentAlone(client, channel, count);
            session.Sent += count;
            _loop.Counters[channel->Listener]->Messages += messages;
        }

        if (session.Out.Count > 0 && !session.IsClosed)
        {
            session.Loop.Blocked(session);
        }
        else
        {
            session.Loop.Unblocked(session);
        }

        return true;
    }

    /// <summary>One listener's way to these sockets.</summary>
    private sealed class Wire(HubIo io) : IHubTransport
    {
        public long Now => io._loop.Now / 1000;

        public void Flush(HubSession session) => io.Flush(session);

        public void Close(HubSession session, HubDisconnect disconnect)
        {
            if (!io._closing.TryAdd(session.Descriptor, CloseReason.HubClosed))
            {
                return;
            }

            if (disconnect == HubDisconnect.Slow)
            {
                // It reads nothing: what waits would wait on, and the close frame behind it. The code stays unsaid.
                io._loop.Closer.Close(session.Descriptor, CloseReason.HubClosed, reset: true);
                return;
            }

            io.SendClose(session, CloseFrame.Encode(disconnect.Code, disconnect.Reason));
            io.Settle(session);
        }

        public void WakeAt(HubSession session, long time)
        {
            var ticks = Math.Clamp((time - Now + TimerWheel.TickMilliseconds - 1) / TimerWheel.TickMilliseconds, 1, int.MaxValue / 2);
            io._loop.Timers.Arm(session.Descriptor, io._loop.Tick + (uint)ticks);
        }

        public PlaceAnswer TakePlace(HubSession session, Action<bool> answer)
        {
            if (io._loop.Engine.Snapshot is not { PerUser: > 0 })
            {
                return PlaceAnswer.Taken;
            }

            var client = session.Descriptor;
            var channel = io._loop.Table[client];
            var listener = io._loop.Engine.Listeners[channel->Listener];
            if (io._loop.Identities.Take(client, channel, RequestValue.UserKey(session.User), device: 0) is { } full)
            {
                listener.CountRefusal(full);
                return PlaceAnswer.Full;
            }

            return io._loop.Identities.TryAsk(client, channel, OnAnswer) ? PlaceAnswer.Asked : PlaceAnswer.Taken;

            void OnAnswer(int _, RefusalReason? reason)
            {
                if (reason is { } why)
                {
                    listener.CountRefusal(why);
                }

                answer(reason is null);
            }
        }

        public void Wake()
        {
            // The loop's own thread looks at the end of its turn.
            if (!io._loop.IsCurrent)
            {
                io._loop.Wake();
            }
        }
    }
}
