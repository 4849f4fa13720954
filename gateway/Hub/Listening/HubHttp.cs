using System.Text;
using Mooring.Gateway.Hub.Api;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Hub.Listening;

/// <summary>Connections to Hub listeners as long as they speak HTTP: upgrades, and the API. For the loop's thread only.</summary>
internal sealed unsafe class HubHttp(RelayLoop loop, HubIo io)
{
    private const int MaxReads = 8;
    private const int AnswerBytes = 1024;
    private static readonly Refusal Crowded = new(503, "too many clients connect at once");
    private static readonly Refusal TooSlow = new(408, "the request did not come in time");

    /// <summary>How long a client may take to read an answer and close, or to send its next request to the API.</summary>
    private static readonly uint IdleTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(30));

    private readonly Dictionary<int, HubRequest> _requests = [];
    private readonly HttpHead _head = new(HeadKind.Request);

    /// <summary>A client was accepted.</summary>
    public void Start(int client, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.Hub;
        channel->Peer = -1;
        _requests[client] = new HubRequest(setup, io.LoopOf(setup.Hub!));
        loop.Timers.Arm(client, loop.Tick + setup.Config.HandshakeTicks);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
    }

    public void OnEvent(int client, Channel* channel, uint events)
    {
        if ((events & Epoll.Error) != 0 || !_requests.TryGetValue(client, out var request))
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return;
        }

        if ((events & Epoll.Out) != 0 && channel->Pending != 0)
        {
            loop.Pump.FlushBuffer(client, channel);
            if (channel->Kind == ChannelKind.None)
            {
                return;
            }

            EndOutput(client, channel, request);
        }

        if ((events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp)) != 0 && !request.IsAnswering)
        {
            Read(client, channel, request);
        }
    }

    public void OnTimer(int client)
    {
        var channel = loop.Table[client];
        if (!_requests.TryGetValue(client, out var request) || request.IsEnding || (request.Length == 0 && request.Served))
        {
            loop.Closer.Close(client, CloseReason.Answered, reset: false);
            return;
        }

        Refuse(client, channel, request, TooSlow, RefusalReason.HandshakeTimeout);
    }

    public void Forget(int client) => _requests.Remove(client);

    /// <summary>Bytes that are kept of a client's request.</summary>
    public int HeldOf(int client) => _requests.TryGetValue(client, out var request) ? request.Held : 0;

    /// <summary>Bytes that a client was sent.</summary>
    public long SentTo(int client) => _requests.TryGetValue(client, out var request) ? request.Sent : 0;

    private void Read(int client, Channel* channel, HubRequest request)
    {
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var count = loop.Receive(client, channel, loop.ReadBytes);
            if (count <= 0)
            {
                if (count == 0 && channel->Pending != 0)
                {
                    // It asks for nothing more and still reads. What has written the rest of the answer comes by here again.
                    request.IsEnding = true;
                    return;
                }

                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, request.Served ? CloseReason.Answered : CloseReason.ClientClosed, reset: false);
                }

                return;
            }

            loop.Traffic.ReceivedAlone(client, channel, count);
            if (request.IsEnding)
            {
                continue;
            }

            request.Add(new ReadOnlySpan<byte>(loop.ReadBuffer, count));
            Advance(client, channel, request);
            if (channel->Kind == ChannelKind.None || request.IsAnswering || io.IsOpen(client))
            {
                if (channel->Kind != ChannelKind.None && io.IsOpen(client))
                {
                    // The rest is the WebSocket's, and its edge may be spent.
                    loop.Queue(client);
                }

                return;
            }
        }

        loop.Queue(client);
    }

    /// <summary>Does what the bytes so far allow.</summary>
    private void Advance(int client, Channel* channel, HubRequest request)
    {
        var data = request.Received;
        _head.Reset();
        var result = _head.Parse(data);
        if (result.Status == HeadStatus.NeedMore)
        {
            return;
        }

        if (result.Status == HeadStatus.Error)
        {
            Refuse(client, channel, request, new Refusal(result.HttpStatus, result.Reason!));
        }
        else if (HubUpgrade.IsApi(_head, data))
        {
            Call(client, channel, request, result.Offset);
        }
        else
        {
            Upgrade(client, channel, request, result.Offset);
        }
    }

    private void Upgrade(int client, Channel* channel, HubRequest request, int headLength)
    {
        var data = request.Received;
        var hub = request.Hub;
        var reason = RefusalReason.BadRequest;
        var refusal = HubUpgrade.CheckTransport(_head, data);
        if (refusal.IsNone)
        {
            refusal = UpgradeValidator.Validate(_head, data);
        }

        if (refusal.IsNone)
        {
            refusal = hub.Options.Origins.Check(_head, data);
            reason = RefusalReason.Origin;
        }

        if (refusal.IsNone && hub.Node.Pacer.IsFull(hub.Now, hub.Options.Config.ConnectsPerSecond))
        {
            refusal = Crowded;
            reason = RefusalReason.UpgradeRate;
        }

        if (!refusal.IsNone)
        {
            Refuse(client, channel, request, refusal, reason);
            return;
        }

        var codec = HubUpgrade.ChooseCodec(_head, data, out var subprotocol);
        Span<byte> extensions = stackalloc byte[DeflateOffer.MaxAnswerBytes];
        var windowBits = HubUpgrade.ChooseCompression(_head, data, hub.Options.Deflate, extensions, out var agreed);
        Span<byte> answer = stackalloc byte[AnswerBytes];
        var length = HubUpgrade.WriteAnswer(_head, data, subprotocol, extensions[..agreed], answer);
        if (!Send(client, channel, answer[..length]))
        {
            return;
        }

        // A small frame must not wait for the acknowledgement of the one before.
        Libc.SetOption(client, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        var early = data[headLength..];
        _requests.Remove(client);
        io.Open(client, channel, hub, codec, windowBits, request.Sent, early);
    }

    private void Call(int client, Channel* channel, HubRequest request, int headLength)
    {
        var data = request.Received;
        // Where the clients are now: the listener may have another broker since this one connected.
        var node = loop.Engine.Listeners[channel->Listener].Setup?.Hub ?? request.Hub.Node;
        var path = Encoding.ASCII.GetString(_head.Target.Of(data));
        int? length = null;
        var refusal = node.Api is null ? new Refusal(404, "the API is off") : HubUpgrade.ReadFraming(_head, data, out length);
        if (!refusal.IsNone)
        {
            Refuse(client, channel, request, refusal);
            return;
        }

        if (!node.Api!.Knows(_head, data))
        {
            Refuse(client, channel, request, new Refusal(401, "no valid API key"));
            return;
        }

        var whole = headLength + (length ?? 0);
        var isWhole = data.Length >= whole;
        if (length is null)
        {
            request.Chunks ??= new ChunkedBody(HubRequest.MaxBodyBytes);
            var read = request.Chunks.Parse(data[headLength..]);
            if (read.Status == HeadStatus.Error)
            {
                Refuse(client, channel, request, new Refusal(read.HttpStatus, read.Reason!));
                return;
            }

            isWhole = read.Status == HeadStatus.Complete;
            whole = headLength + read.Offset;
        }

        if (!isWhole)
        {
            // What a client sends that would rather know first whether its body is taken (RFC 9110 §10.1.1); curl waits for it a second each time.
            if (!request.IsContinued && _head.HasToken(data, "expect"u8, "100-continue"u8) && _head.MinorVersion == 1)
            {
                request.IsContinued = true;
                Send(client, channel, "HTTP/1.1 100 Continue\r\n\r\n"u8);
            }

            return;
        }

        var body = (request.Chunks is { } chunks ? chunks.Content : data[headLength..whole]).ToArray();
        var keeps = _head.MinorVersion == 1 && !_head.HasToken(data, "connection"u8, "close"u8);
        request.Take(whole);
        request.IsAnswering = true;
        request.Served = true;
        loop.Timers.Disarm(client);
        var started = channel->Started;
        _ = ApiAnswer.WhenReadyAsync(
            node.Api.HandleAsync(path, body),
            answer => loop.Post(() => Answered(client, started, request, answer, keeps))
        );
    }

    private void Answered(int client, long started, HubRequest request, ApiAnswer answer, bool keeps)
    {
        var channel = loop.Table[client];
        if (channel->Kind != ChannelKind.Client || channel->Started != started || channel->Loop != loop.Owner)
        {
            // Gone meanwhile.
            return;
        }

        // One that is used on and on would hold a drain until its deadline, or what is left of a listener that is no more.
        keeps &= loop.Engine.Mode == AcceptMode.Accept && !request.Hub.Node.IsRetired;
        request.IsAnswering = false;
        request.IsEnding = !keeps;
        var head = Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {answer.Status} {answer.Phrase}\r\nContent-Type: application/json\r\nContent-Length: {answer.Body.Length}\r\n"
                + $"Cache-Control: no-store\r\n{(keeps ? "" : "Connection: close\r\n")}\r\n"
        );
        byte[] whole = [.. head, .. answer.Body.Span];
        if (!Send(client, channel, whole))
        {
            return;
        }

        loop.Timers.Arm(client, loop.Tick + IdleTicks);
        EndOutput(client, channel, request);
        if (request.Length > 0 && !request.IsEnding)
        {
            Advance(client, channel, request);
        }

        if (channel->Kind != ChannelKind.None && !request.IsAnswering)
        {
            // What came while it was being answered had its event.
            loop.Queue(client);
        }
    }

    private void Refuse(int client, Channel* channel, HubRequest request, Refusal refusal, RefusalReason reason = RefusalReason.BadRequest)
    {
        loop.Engine.Listeners[channel->Listener].CountRefusal(reason);
        request.IsEnding = true;
        request.Served = true;
        if (Send(client, channel, PlainAnswer.For(refusal)))
        {
            loop.Timers.Arm(client, loop.Tick + IdleTicks);
            EndOutput(client, channel, request);
        }
    }

    /// <summary>The last answer has gone: the client is to close.</summary>
    private void EndOutput(int client, Channel* channel, HubRequest request)
    {
        if (request.IsEnding && channel->Pending == 0 && !channel->Has(ChannelFlags.WriteEnded))
        {
            channel->Flags |= ChannelFlags.WriteEnded;
            loop.EndOutput(client, channel);
        }
    }

    /// <summary>False when the socket is gone.</summary>
    private bool Send(int client, Channel* channel, ReadOnlySpan<byte> bytes)
    {
        if (loop.Frames.Send(client, channel, bytes))
        {
            loop.Traffic.SentAlone(client, channel, bytes.Length);
            _requests[client].Sent += bytes.Length;
            return true;
        }

        loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
        return false;
    }
}
