using Mooring.Gateway.Backends;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Listeners;

/// <summary>Takes a WebSocket connection from accept to the first frame, or to the HTTP answer that it gets instead.</summary>
/// <remarks>
/// Phases: Head → Connecting → Answer → WebSocket; or AnswerBody, when the backend declines; or Lingering, after an answer of the
/// gateway's own. From the whole request head to the backend's 101 the client is not read: had it sent more and the backend declined,
/// that would reach the backend as a second request that nobody checked.
/// </remarks>
internal sealed unsafe partial class Upgrader(RelayLoop loop)
{
    /// <summary>Reads per event before the loop's other connections, and the timers, get their turn.</summary>
    private const int MaxReads = 8;

    /// <summary>How long a client may take to read an answer and close.</summary>
    private static readonly uint LingerTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(2));

    private readonly Dictionary<int, Handshake> _handshakes = [];
    private readonly byte[] _rewritten = new byte[IUpgradeHandler.RewriteBytes];

    /// <summary>A client was accepted.</summary>
    public void Start(int client, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.Head;
        _handshakes[client] = new Handshake(setup.Upgrade!, setup.Config.Port, setup.Config.HandshakeTicks);
        loop.Timers.Arm(client, loop.Tick + setup.Config.HandshakeTicks);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
    }

    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if ((events & Epoll.Error) != 0 && channel->Kind == ChannelKind.Client)
        {
            loop.Closer.Close(descriptor, CloseReason.ClientReset, reset: true);
            return;
        }

        var readable = (events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0;
        switch (channel->Phase)
        {
            case ChannelPhase.WebSocket:
                loop.Frames.OnEvent(descriptor, channel, events);
                break;
            case ChannelPhase.Head when readable:
                if (_handshakes[descriptor].Wait == HandshakeWait.None)
                {
                    ReadHead(descriptor, channel);
                }
                else
                {
                    OnWaiting(descriptor, channel, events);
                }

                break;
            case ChannelPhase.Answer when channel->Kind == ChannelKind.Upstream:
                if (Flush(descriptor, channel, events) && readable)
                {
                    ReadAnswer(descriptor, channel);
                }

                break;
            case ChannelPhase.AnswerBody when channel->Kind == ChannelKind.Upstream && readable:
                ReadBody(descriptor, channel);
                break;
            case ChannelPhase.AnswerBody when channel->Kind == ChannelKind.Client:
                if (Flush(descriptor, channel, events) && channel->Pending == 0)
                {
                    ReadBody(channel->Peer, loop.Table[channel->Peer]);
                }

                break;
            case ChannelPhase.Lingering:
                if (Flush(descriptor, channel, events))
                {
                    Linger(descriptor, channel, readable);
                }

                break;
            default:
                // The client, while the backend has the word: it is read when frames may flow.
                channel->Flags |= ChannelFlags.ReadPaused;
                break;
        }
    }

    public void OnTimer(int client, Channel* channel)
    {
        switch (channel->Phase)
        {
            case ChannelPhase.WebSocket:
                loop.Frames.OnTimer(client, channel);
                break;
            case ChannelPhase.Head when _handshakes[client].Wait != HandshakeWait.None:
                OnWaitOver(client, channel);
                break;
            case ChannelPhase.Head:
                loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.HandshakeTimeout);
                Answer(client, channel, UpgradeFailure.RequestTimeout, CloseReason.HandshakeTimeout);
                break;
            case ChannelPhase.Answer:
                EndpointOf(loop.Table[channel->Peer]).HandshakeFailed(loop.Now);
                Answer(client, channel, UpgradeFailure.ResponseTimeout, CloseReason.HandshakeTimeout);
                break;
            default:
                var reason = _handshakes.TryGetValue(client, out var handshake) ? handshake.Reason : CloseReason.Answered;
                loop.Closer.Close(client, reason, reset: channel->Phase != ChannelPhase.Lingering);
                break;
        }
    }

    /// <summary>The endpoint is connected. False when the connection is no WebSocket's.</summary>
    public bool OnConnected(int client, Channel* channel, int descriptor, Channel* upstream)
    {
        if (_handshakes.Count == 0 || !_handshakes.TryGetValue(client, out var handshake))
        {
            return false;
        }

        channel->Phase = upstream->Phase = ChannelPhase.Answer;
        loop.Timers.Arm(client, loop.Tick + Math.Min(handshake.Ticks, EndpointOf(upstream).Target.Features.AnswerTicks));
        upstream->NoDelay = true;
        Libc.SetOption(descriptor, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        var head = handshake.Outgoing!;
        handshake.Outgoing = null;
        if (!Send(descriptor, upstream, head))
        {
            Answer(client, channel, UpgradeFailure.BadResponse, CloseReason.BackendReset);
        }

        return true;
    }

    /// <summary>No endpoint could be connected. False when the connection is no WebSocket's.</summary>
    public bool OnNoUpstream(int client, Channel* channel, CloseReason reason)
    {
        if (_handshakes.Count == 0 || !_handshakes.ContainsKey(client))
        {
            return false;
        }

        Answer(client, channel, reason == CloseReason.ConnectFailed ? UpgradeFailure.ConnectFailed : UpgradeFailure.NoBackend, reason);
        return true;
    }

    /// <summary>A handshake of this client is under way.</summary>
    public bool Has(int client) => _handshakes.Count > 0 && _handshakes.ContainsKey(client);

    /// <summary>Bytes that are kept of a client's request head.</summary>
    public int HeldOf(int client) => _handshakes.TryGetValue(client, out var handshake) ? handshake.Held : 0;

    /// <summary>The connection ends: drops what is kept for it.</summary>
    public void Forget(int client)
    {
        if (_handshakes.Remove(client, out var handshake))
        {
            handshake.Clear();
        }
    }

    /// <summary>The endpoint whose answer the client gets, and whose connection has ended; null: none.</summary>
    public AnsweredBy? AnsweredBy(int client) => _handshakes.GetValueOrDefault(client)?.AnsweredBy;

    private void ReadHead(int client, Channel* channel)
    {
        var handshake = _handshakes[client];
        while (true)
        {
            var room = IUpgradeHandler.MaxHeadBytes - handshake.PartialLength;
            var count = loop.Receive(client, channel, room);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
                }

                return;
            }

            loop.Traffic.Received(channel, count);
            var received = handshake.Join(loop.ReadBuffer, count);
            var who = new UpgradeClient(channel->Address, handshake.ListenerPort, channel->Started, channel->Has(ChannelFlags.Tls));
            var request = handshake.Handler.ReadRequest(received, who, _rewritten);
            switch (request.Verdict)
            {
                case HeadVerdict.More when received.Length >= IUpgradeHandler.MaxHeadBytes:
                    loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.BadRequest);
                    Answer(client, channel, UpgradeFailure.RequestTooLarge, CloseReason.Answered);
                    return;
                case HeadVerdict.More:
                    if (handshake.PartialLength == 0)
                    {
                        handshake.Keep(received);
                    }

                    continue;
                case HeadVerdict.Accept:
                    handshake.Request = request;
                    handshake.Outgoing = _rewritten.AsSpan(0, request.RewrittenLength).ToArray();
                    handshake.Early = received.Length > request.HeadLength ? received[request.HeadLength..].ToArray() : null;
                    handshake.Clear();
                    // The rest of what came, and whether it has ended, is read once frames may flow.
                    channel->Flags |= ChannelFlags.ReadPaused;
                    AwaitTurn(client, channel, handshake);
                    return;
                default:
                    loop.Engine.Listeners[channel->Listener].CountRefusal(request.Reason);
                    Answer(client, channel, request.Answer, CloseReason.Answered);
                    return;
            }
        }
    }

    private void Route(int client, Channel* channel, in UpgradeRequest request)
    {
        if (request.Backend is { } name && loop.Engine.Backends.TryGetValue(name, out var backend))
        {
            loop.Connector.Start(client, channel, backend, request.AffinityKey, request.HashKey);
            return;
        }

        // Removed by a reload since the listener's handler was made.
        loop.Engine.Listeners[channel->Listener].CountRefusal(RefusalReason.NoBackend);
        Answer(client, channel, UpgradeFailure.NoBackend, CloseReason.NoBackend);
    }

    private void ReadAnswer(int descriptor, Channel* upstream)
    {
        var client = upstream->Peer;
        var channel = loop.Table[client];
        var handshake = _handshakes[client];
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var room = IUpgradeHandler.MaxHeadBytes - handshake.PartialLength;
            var count = loop.Receive(descriptor, upstream, room);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    AnswerBroken(client, channel, upstream, handshake.Handler.Answer(UpgradeFailure.BadResponse));
                }

                return;
            }

            loop.Traffic.Received(upstream, count);
            var received = handshake.Join(loop.ReadBuffer, count);
            var answer = Judge(handshake, upstream, ref received);
            switch (answer.Verdict)
            {
                case HeadVerdict.More when received.Length >= IUpgradeHandler.MaxHeadBytes:
                    AnswerBroken(client, channel, upstream, handshake.Handler.Answer(UpgradeFailure.BadResponse));
                    return;
                case HeadVerdict.More:
                    if (handshake.PartialLength == 0)
                    {
                        handshake.Keep(received);
                    }

                    continue;
                case HeadVerdict.Accept:
                    EndpointOf(upstream).HandshakeSucceeded(loop.Now);
                    Switch(client, channel, descriptor, upstream, handshake, answer, received);
                    return;
                case HeadVerdict.Decline:
                    EndpointOf(upstream).HandshakeSucceeded(loop.Now);
                    Decline(client, channel, descriptor, upstream, handshake, answer, received);
                    return;
                default:
                    AnswerBroken(client, channel, upstream, answer.Answer);
                    return;
            }
        }

        loop.Queue(descriptor);
    }

    /// <summary>The endpoint closed, failed or said what is no answer: its breaker hears of it.</summary>
    private void AnswerBroken(int client, Channel* channel, Channel* upstream, ReadOnlyMemory<byte> answer)
    {
        EndpointOf(upstream).HandshakeFailed(loop.Now);
        Answer(client, channel, answer, CloseReason.BackendReset);
    }

    private EndpointState EndpointOf(Channel* upstream) => loop.Engine.Endpoints[upstream->Endpoint];

    /// <summary>Asks the handler, and drops interim answers that it took.</summary>
    private UpgradeResponse Judge(Handshake handshake, Channel* upstream, ref ReadOnlySpan<byte> received)
    {
        var affinityKey = loop.Engine.Endpoints[upstream->Endpoint].AffinityKey;
        while (true)
        {
            var answer = handshake.Handler.ReadResponse(handshake.Request, affinityKey, received, _rewritten);
            if (answer.Verdict != HeadVerdict.More || answer.HeadLength == 0)
            {
                return answer;
            }

            if (handshake.PartialLength > 0)
            {
                handshake.Skip(answer.HeadLength);
                received = handshake.Partial;
            }
            else
            {
                received = received[answer.HeadLength..];
            }

            if (received.IsEmpty)
            {
                return answer;
            }
        }
    }

    private void Switch(
        int client,
        Channel* channel,
        int descriptor,
        Channel* upstream,
        Handshake handshake,
        in UpgradeResponse answer,
        ReadOnlySpan<byte> received
    )
    {
        var frames = received[answer.HeadLength..].ToArray();
        var early = handshake.Early;
        if (!Send(client, channel, _rewritten.AsSpan(0, answer.RewrittenLength)))
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return;
        }

        Forget(client);
        loop.Frames.Start(client, channel, descriptor, upstream, answer.Extensions, early, frames);
    }

    private void Decline(
        int client,
        Channel* channel,
        int descriptor,
        Channel* upstream,
        Handshake handshake,
        in UpgradeResponse answer,
        ReadOnlySpan<byte> received
    )
    {
        channel->Phase = upstream->Phase = ChannelPhase.AnswerBody;
        loop.Timers.Arm(client, loop.Tick + handshake.Ticks);
        handshake.Body = answer.Body;
        handshake.Early = null;
        var body = received[answer.HeadLength..];
        var taken = handshake.Body.Advance(body);
        var whole = new byte[answer.RewrittenLength + taken];
        _rewritten.AsSpan(0, answer.RewrittenLength).CopyTo(whole);
        body[..taken].CopyTo(whole.AsSpan(answer.RewrittenLength));
        handshake.Clear();
        if (!Send(client, channel, whole))
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
        }
        else if (handshake.Body.IsDone || handshake.Body.IsBroken)
        {
            EndAnswer(client, channel);
        }
        else if (channel->Pending == 0)
        {
            ReadBody(descriptor, upstream);
        }
    }

    private void ReadBody(int descriptor, Channel* upstream)
    {
        var client = upstream->Peer;
        var channel = loop.Table[client];
        var handshake = _handshakes[client];
        for (var reads = 0; reads < MaxReads; reads++)
        {
            if (channel->Pending != 0)
            {
                return;
            }

            var count = loop.Receive(descriptor, upstream, loop.Pump.ReadSize);
            if (count < 0)
            {
                if (Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    // A body whose end is the connection's would look whole after a FIN.
                    loop.Closer.Close(client, CloseReason.BackendReset, reset: true);
                }

                return;
            }

            if (count == 0)
            {
                EndAnswer(client, channel);
                return;
            }

            loop.Traffic.Received(upstream, count);
            loop.Timers.Arm(client, loop.Tick + handshake.Ticks);
            var taken = handshake.Body.Advance(new ReadOnlySpan<byte>(loop.ReadBuffer, count));
            if (!Send(client, channel, new ReadOnlySpan<byte>(loop.ReadBuffer, taken)))
            {
                loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
                return;
            }

            if (handshake.Body.IsDone || handshake.Body.IsBroken)
            {
                EndAnswer(client, channel);
                return;
            }
        }

        loop.Queue(descriptor);
    }

    private void Answer(int client, Channel* channel, UpgradeFailure failure, CloseReason reason) =>
        Answer(client, channel, _handshakes[client].Handler.Answer(failure), reason);

    private void Answer(int client, Channel* channel, ReadOnlyMemory<byte> answer, CloseReason reason)
    {
        _handshakes[client].Reason = reason;
        if (!Send(client, channel, answer.Span))
        {
            loop.Closer.Close(client, reason, reset: true);
            return;
        }

        EndAnswer(client, channel);
    }

    /// <summary>The answer is on its way: waits for the client to take it.</summary>
    private void EndAnswer(int client, Channel* channel)
    {
        if (channel->Peer >= 0)
        {
            var descriptor = channel->Peer;
            var upstream = loop.Table[descriptor];
            _handshakes[client].AnsweredBy = new AnsweredBy(EndpointOf(upstream), upstream->Backend, upstream->Received);
            channel->Peer = -1;
            loop.Closer.CloseUpstream(descriptor, upstream, reset: false);
        }

        channel->Phase = ChannelPhase.Lingering;
        // What the client has not taken yet has the handshake's time; see Linger for the rest.
        loop.Timers.Arm(client, loop.Tick + _handshakes[client].Ticks);
        Linger(client, channel, readable: true);
    }

    private void Linger(int client, Channel* channel, bool readable)
    {
        if (channel->Pending == 0 && !channel->Has(ChannelFlags.WriteEnded))
        {
            channel->Flags |= ChannelFlags.WriteEnded;
            loop.EndOutput(client, channel);
            loop.Timers.Arm(client, loop.Tick + LingerTicks);
        }

        // One buffer's worth per event: a client that goes on sending is reset when the time is up.
        if (
            readable
            && loop.Receive(client, channel, loop.ReadBytes) is var count
            && (count == 0 || (count < 0 && Libc.LastError != Errno.EAGAIN))
            && channel->Pending == 0
        )
        {
            var reason = _handshakes.TryGetValue(client, out var handshake) ? handshake.Reason : CloseReason.Answered;
            loop.Closer.Close(client, reason, reset: false);
        }
    }

    /// <summary>Writes what is pending, if there is room. False when the connection is gone.</summary>
    private bool Flush(int descriptor, Channel* channel, uint events)
    {
        if ((events & Epoll.Out) != 0 && channel->Pending != 0)
        {
            loop.Pump.FlushBuffer(descriptor, channel);
        }

        return channel->Kind != ChannelKind.None;
    }

    /// <summary>Writes, or keeps what the socket does not take. False when the socket failed.</summary>
    private bool Send(int descriptor, Channel* channel, ReadOnlySpan<byte> bytes) => loop.Frames.Send(descriptor, channel, bytes);
}
