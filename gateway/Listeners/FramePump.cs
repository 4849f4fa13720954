// Hot path: every event of a WebSocket. See tests/benchmarks.
using System.Security.Cryptography;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Listeners;

/// <summary>Moves frames both ways between two ends that speak WebSocket, following where each frame ends.</summary>
/// <remarks>
/// As <see cref="Pump"/>, but that the trackers see all bytes, so that at any time a close frame can be put between two frames. From
/// then on nothing more goes to that end. The client is told first; what it sends until it answers still reaches the backend, which is
/// told in place of the client's answer: so nothing that a client has sent is lost. Where an end breaks the framing, the bytes still
/// pass, for the other end to judge; only the close frame is not possible any more.
/// </remarks>
internal sealed unsafe partial class FramePump(RelayLoop loop) : IDisposable
{
    /// <summary>Reads per event before the loop's other connections get their turn.</summary>
    private const int MaxReads = 8;

    /// <summary>How long an end may be silent without answering a close frame.</summary>
    private static readonly uint CloseTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(5));

    /// <summary>How long a client may go on sending what it had begun before it answers.</summary>
    private static readonly uint MaxCloseTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(30));

    private readonly NativeSlab<FrameState> _frames = new();

    /// <summary>Connections that are being closed, by client.</summary>
    private readonly Dictionary<int, Closing> _closing = [];

    /// <summary>The backend has switched and the client was told: frames may flow.</summary>
    /// <param name="client">The client's descriptor.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="descriptor">The upstream's descriptor.</param>
    /// <param name="upstream">Its channel.</param>
    /// <param name="extensions">What frames may use.</param>
    /// <param name="early">Frames that the client sent behind its request.</param>
    /// <param name="frames">Frames that the backend sent behind its answer.</param>
    public void Start(
        int client,
        Channel* channel,
        int descriptor,
        Channel* upstream,
        FrameExtensions extensions,
        byte[]? early,
        byte[] frames
    )
    {
        channel->Phase = upstream->Phase = ChannelPhase.WebSocket;
        upstream->Frames = _frames.Rent();
        var state = _frames[upstream->Frames];
        state->FromClient = new FrameTracker(FrameSender.Client, extensions);
        state->FromBackend = new FrameTracker(FrameSender.Server, extensions);
        state->Guard = loop.Guard.Rent(channel->Listener);
        channel->Flags &= ~ChannelFlags.ReadPaused;
        loop.StartIdleTimer(client, channel);
        if (!Forward(descriptor, upstream, client, channel, frames) || !Forward(client, channel, descriptor, upstream, early ?? []))
        {
            return;
        }

        // The edges of both are spent.
        Resume(descriptor, upstream);
        if (upstream->Kind != ChannelKind.None)
        {
            Resume(client, channel);
        }
    }

    public void OnEvent(int descriptor, Channel* channel, uint events)
    {
        if ((events & Epoll.Out) != 0 && channel->Pending != 0)
        {
            loop.Pump.OnWritable(descriptor, channel);
            if (channel->Kind == ChannelKind.None)
            {
                return;
            }
        }

        if ((events & Epoll.Error) != 0 && (channel->Has(ChannelFlags.ReadEnded) || loop.Table[channel->Peer]->Pending != 0))
        {
            loop.Pump.Fail(descriptor, channel);
            return;
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0 && !channel->Has(ChannelFlags.ReadEnded))
        {
            Run(descriptor, channel, (events & (Epoll.ReadHangUp | Epoll.HangUp | Epoll.Error)) != 0);
        }
    }

    /// <summary>Reads from one end and writes to the other.</summary>
    public void Run(int descriptor, Channel* source, bool toEnd)
    {
        var target = source->Peer;
        var sink = loop.Table[target];
        if (sink->Pending != 0)
        {
            source->Flags |= ChannelFlags.ReadPaused;
            return;
        }

        // A backend that goes on sending says nothing of the client, whose answer to the close frame is waited for, once it has one.
        if (
            _closing.Count == 0
            || source->Kind == ChannelKind.Client
            || !_closing.ContainsKey(target)
            || !_frames[source->Frames]->ClientTold
        )
        {
            loop.Pump.Touch(source, sink);
        }

        for (var reads = 0; reads < MaxReads; reads++)
        {
            var wanted = loop.Pump.ReadSize;
            if (source->Has(ChannelFlags.Shaped) && (wanted = loop.Shaper.Allow(descriptor, source, wanted)) == 0)
            {
                return;
            }

            var count = loop.Receive(descriptor, source, wanted);
            if (count <= 0)
            {
                OnNoData(descriptor, source, count == 0 ? 0 : Libc.LastError);
                return;
            }

            loop.Traffic.Received(source, count);
            if (!Forward(descriptor, source, target, sink, new ReadOnlySpan<byte>(loop.ReadBuffer, count)))
            {
                return;
            }

            if (sink->Pending != 0)
            {
                source->Flags |= ChannelFlags.ReadPaused;
                return;
            }

            if (count < wanted && !toEnd)
            {
                return;
            }
        }

        loop.Queue(descriptor);
    }

    /// <summary>The connection is being closed by a close frame.</summary>
    public bool IsClosing(int client) => _closing.ContainsKey(client);

    /// <summary>Closes both ends by close frames, the client first.</summary>
    public void BeginClose(int client, Channel* channel, WebSocketClose close, CloseReason reason)
    {
        var upstream = loop.Table[channel->Peer];
        var state = _frames[upstream->Frames];
        if (!_closing.TryAdd(client, new Closing(close, reason, loop.Tick)))
        {
            return;
        }

        if (state->FromClient.Error != FrameError.None || state->FromBackend.Error != FrameError.None)
        {
            loop.Closer.Close(client, reason, reset: true);
            return;
        }

        state->Closing = true;
        loop.Timers.Arm(client, loop.Tick + CloseTicks);
        if (state->FromBackend.AtFrameBoundary && !PutClose(client, channel, state, close))
        {
            return;
        }

        // It said goodbye by itself, or can say nothing more.
        var clientDone = state->FromClient.CloseSeen || channel->Has(ChannelFlags.ReadEnded);
        if (clientDone && !PutClose(channel->Peer, upstream, state, close))
        {
            return;
        }

        EndIfAnswered(client, state);
    }

    public void OnTimer(int client, Channel* channel)
    {
        if (_closing.TryGetValue(client, out var closing))
        {
            var upstream = loop.Table[channel->Peer];
            var state = _frames[upstream->Frames];
            var sends = loop.Tick - channel->LastActive < CloseTicks && loop.Tick - closing.Since < MaxCloseTicks;
            if (!state->BackendTold && sends)
            {
                loop.Timers.Arm(client, channel->LastActive + CloseTicks);
            }
            else if (state->BackendTold || !state->FromClient.AtFrameBoundary)
            {
                loop.Closer.Close(client, closing.Reason, reset: false);
            }
            else if (PutClose(channel->Peer, upstream, state, closing.Close))
            {
                // The client does not answer: the backend gets its own time.
                loop.Timers.Arm(client, loop.Tick + CloseTicks);
            }

            return;
        }

        loop.OnIdleTimer(client, channel);
    }

    /// <summary>Drops what is kept for a connection that ends.</summary>
    public void Forget(int client, Channel* upstream)
    {
        _closing.Remove(client);
        loop.Guard.Return(_frames[upstream->Frames]->Guard);
        _frames.Return(upstream->Frames);
        upstream->Frames = 0;
    }

    /// <summary>Where both directions stand, for another process to go on from; false where the connection is being closed by close frames.</summary>
    public bool TryRead(Channel* upstream, out FrameTracker fromClient, out FrameTracker fromBackend)
    {
        var state = _frames[upstream->Frames];
        (fromClient, fromBackend) = (state->FromClient, state->FromBackend);
        return !state->Closing;
    }

    /// <summary>Where the client stands with its listener's limits; null: it has none.</summary>
    public (long Bucket, ulong MessageBytes)? ReadGuard(Channel* upstream) => loop.Guard.Read(_frames[upstream->Frames]->Guard);

    /// <summary>Goes on where another process was.</summary>
    public void Resume(Channel* upstream, FrameTracker fromClient, FrameTracker fromBackend, (long Bucket, ulong MessageBytes)? guard)
    {
        upstream->Frames = _frames.Rent();
        var state = _frames[upstream->Frames];
        (state->FromClient, state->FromBackend) = (fromClient, fromBackend);
        state->Guard = loop.Guard.Rent(loop.Table[upstream->Peer]->Listener, guard);
    }

    /// <summary>Writes, or keeps what the socket does not take. False when the socket failed.</summary>
    public bool Send(int descriptor, Channel* channel, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return true;
        }

        if (channel->Pending != 0)
        {
            channel->Pending = loop.Pending.Append(channel->Pending, bytes);
            return true;
        }

        fixed (byte* data = bytes)
        {
            var written = loop.Send(descriptor, channel, data, bytes.Length);
            if (written < 0)
            {
                if (Libc.LastError != Errno.EAGAIN)
                {
                    return false;
                }

                written = 0;
            }

            if (written < bytes.Length)
            {
                channel->Pending = loop.Pending.Store(data + written, bytes.Length - written);
            }
        }

        return true;
    }

    public void Dispose() => _frames.Dispose();

    /// <summary>Follows and passes on what one end sent. False when the connection is gone.</summary>
    public bool Forward(int descriptor, Channel* source, int target, Channel* sink, ReadOnlySpan<byte> bytes)
    {
        var fromClient = source->Kind == ChannelKind.Client;
        ref var messages = ref loop.Counters[(fromClient ? source : sink)->Listener]->Messages;
        var state = _frames[(fromClient ? sink : source)->Frames];
        ref var tracker = ref fromClient ? ref state->FromClient : ref state->FromBackend;
        ref var closed = ref fromClient ? ref state->BackendTold : ref state->ClientTold;
        if (!state->Closing)
        {
            if (state->Guard != 0 && fromClient)
            {
                return ForwardGuarded(descriptor, source, target, sink, state, bytes);
            }

            tracker.Advance(bytes, StopAt.End, ref messages);
            if (Send(target, sink, bytes))
            {
                return true;
            }

            loop.Pump.FailWriting(target, sink);
            return false;
        }

        var client = fromClient ? descriptor : target;
        var passed = 0;
        if (!closed)
        {
            passed = tracker.Advance(bytes, fromClient ? StopAt.Close : StopAt.Frame, ref messages);
            if (!Send(target, sink, bytes[..passed]))
            {
                loop.Pump.Fail(target, sink);
                return false;
            }

            // To the backend in place of the client's own close, to the client as soon as a frame has ended.
            var now = tracker.AtFrameBoundary && (!fromClient || passed < bytes.Length);
            if (now && !PutClose(target, sink, state, _closing[client].Close))
            {
                return false;
            }
        }

        // Nothing more goes to an end that was told to close; what comes is only looked at for the answer.
        tracker.Advance(bytes[passed..], StopAt.End);
        return EndIfAnswered(client, state);
    }

    /// <summary>Puts a close frame to one end, unless one has gone there. False when the connection is gone.</summary>
    private bool PutClose(int target, Channel* sink, FrameState* state, WebSocketClose close)
    {
        var toClient = sink->Kind == ChannelKind.Client;
        if (toClient)
        {
            state->ClientTold = true;
        }
        else
        {
            state->BackendTold = true;
        }

        var passedAlready = toClient ? state->FromBackend.CloseSeen : state->FromClient.CloseSeen;
        if (passedAlready || sink->Has(ChannelFlags.WriteEnded))
        {
            return true;
        }

        // A client's frames are masked, by a key that nobody can foresee (RFC 6455 §5.3, §10.3).
        uint? mask = toClient ? null : BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(4));
        if (Send(target, sink, CloseFrame.Encode(close.Code, close.Text, mask)))
        {
            return true;
        }

        loop.Pump.Fail(target, sink);
        return false;
    }

    /// <summary>Ends the connection once both ends were told and have answered. False when it is gone.</summary>
    private bool EndIfAnswered(int client, FrameState* state)
    {
        if (!state->ClientTold || !state->BackendTold)
        {
            return true;
        }

        var channel = loop.Table[client];
        var upstream = loop.Table[channel->Peer];
        var clientDone = state->FromClient.CloseSeen || channel->Has(ChannelFlags.ReadEnded);
        var backendDone = state->FromBackend.CloseSeen || upstream->Has(ChannelFlags.ReadEnded);
        if (!clientDone || !backendDone || channel->Pending != 0 || upstream->Pending != 0)
        {
            return true;
        }

        loop.Closer.Close(client, _closing[client].Reason, reset: false);
        return false;
    }

    private void OnNoData(int descriptor, Channel* source, int error)
    {
        if (!loop.Pump.OnNoData(descriptor, source, error))
        {
            return;
        }

        var fromClient = source->Kind == ChannelKind.Client;
        var state = _frames[(fromClient ? loop.Table[source->Peer] : source)->Frames];
        if (state->Closing)
        {
            EndIfAnswered(fromClient ? descriptor : source->Peer, state);
        }
    }

    private void Resume(int descriptor, Channel* channel)
    {
        if (!channel->Has(ChannelFlags.ReadEnded))
        {
            Run(descriptor, channel, toEnd: true);
        }
    }

    private readonly record struct Closing(WebSocketClose Close, CloseReason Reason, uint Since);
}

/// <summary>What a WebSocket connection has beyond its two channels, in native memory.</summary>
internal struct FrameState
{
    public FrameTracker FromClient;
    public FrameTracker FromBackend;

    /// <summary>Both ends are to be closed by a close frame.</summary>
    public bool Closing;

    /// <summary>The client has a close frame, ours or the backend's: nothing more goes there.</summary>
    public bool ClientTold;
    public bool BackendTold;

    /// <summary>Handle of the client's limits; 0: none.</summary>
    public int Guard;
}
