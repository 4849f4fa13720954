// Hot path: every event of an echoing connection. See tests/benchmarks.
using System.Runtime.InteropServices;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Http;
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Bench;

/// <summary>WebSockets that get back each message they send, on one loop: the least that an endpoint on the gateway's reactor and codec can do.</summary>
/// <remarks>
/// Upgrades and frames are read by the same code as a Hub's. What one read brings is answered by one write. A client that does not take its echoes is not
/// read until it has.
/// </remarks>
internal sealed unsafe class EchoIo(RelayLoop loop) : IDisposable
{
    /// <summary>Reads per event before the loop's other connections get their turn.</summary>
    private const int MaxReads = 8;

    private const int OutBytes = 64 * 1024;
    private static readonly MessageLimits Limits = new();
    private static readonly uint CloseTicks = TimerWheel.Ticks(TimeSpan.FromSeconds(5));

    private readonly MessageReader _reader = new();
    private readonly MessageCompressor _compressor = new();
    private readonly HttpHead _head = new(HeadKind.Request);
    private readonly DescriptorTable<EchoState> _states = new(ProcessLimits.RaiseOpenFiles());
    private readonly byte* _out = (byte*)NativeMemory.Alloc(OutBytes);

    /// <summary>Heads that came in parts.</summary>
    private readonly Dictionary<int, byte[]> _heads = [];

    private int _used;

    /// <summary>A client was accepted.</summary>
    public void Start(int client, Channel* channel, ListenerSetup setup)
    {
        channel->Phase = ChannelPhase.Echo;
        channel->Peer = -1;
        *_states.Claim(client) = default;
        loop.Timers.Arm(client, loop.Tick + setup.Config.HandshakeTicks);
        if (!loop.Watch(client, channel))
        {
            loop.Closer.Close(client, CloseReason.Resources, reset: true);
        }
    }

    public void OnEvent(int client, Channel* channel, uint events)
    {
        if ((events & Epoll.Error) != 0)
        {
            loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
            return;
        }

        var wasFull = channel->Pending != 0;
        if (wasFull)
        {
            if ((events & Epoll.Out) == 0 || !loop.Pump.FlushBuffer(client, channel))
            {
                // What it sends waits until it has read.
                return;
            }

            if (_states[client]->IsEnding)
            {
                loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
                return;
            }
        }

        if (wasFull || (events & (Epoll.In | Epoll.ReadHangUp | Epoll.HangUp)) != 0)
        {
            Read(client, channel, wasFull || (events & (Epoll.ReadHangUp | Epoll.HangUp)) != 0);
        }
    }

    /// <summary>It has not asked, or not taken its goodbye, in time.</summary>
    public void OnTimer(int client) => loop.Closer.Close(client, CloseReason.HandshakeTimeout, reset: true);

    /// <summary>The connection ends: gives back what is kept for it.</summary>
    public void Forget(int client)
    {
        _heads.Remove(client);
        _reader.Release(ref _states[client]->Messages);
        _compressor.Release(ref _states[client]->Messages);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _compressor.Dispose();
        _states.Dispose();
        NativeMemory.Free(_out);
    }

    private void Read(int client, Channel* channel, bool toEnd)
    {
        for (var reads = 0; reads < MaxReads; reads++)
        {
            var wanted = loop.Pump.ReadSize;
            var count = loop.Receive(client, channel, wanted);
            if (count <= 0)
            {
                if (count == 0 || Libc.LastError is not (Errno.EAGAIN or Errno.EINTR))
                {
                    loop.Closer.Close(client, count == 0 ? CloseReason.ClientClosed : CloseReason.ClientReset, reset: count != 0);
                }

                return;
            }

            loop.Traffic.Received(channel, count);
            channel->LastActive = loop.Tick;
            var state = _states[client];
            var chunk = new Span<byte>(loop.ReadBuffer, count);
            var goesOn = state->IsOpen ? Echo(client, channel, state, chunk) : Upgrade(client, channel, state, chunk);
            if (!goesOn || channel->Pending != 0 || (count < wanted && !toEnd))
            {
                return;
            }
        }

        loop.Queue(client);
    }

    /// <summary>False when the connection is gone, or about to be.</summary>
    private bool Upgrade(int client, Channel* channel, EchoState* state, Span<byte> chunk)
    {
        if (_heads.Remove(client, out var before))
        {
            chunk = (byte[])[.. before, .. chunk];
        }

        _head.Reset();
        var result = _head.Parse(chunk);
        if (result.Status == HeadStatus.NeedMore)
        {
            _heads[client] = chunk.ToArray();
            return true;
        }

        var refusal =
            result.Status == HeadStatus.Error ? new Refusal(result.HttpStatus, result.Reason!) : UpgradeValidator.Validate(_head, chunk);
        if (!refusal.IsNone)
        {
            return Write(client, channel, PlainAnswer.For(refusal)) && End(client, channel, state);
        }

        _head.Find(chunk, "sec-websocket-key"u8, out var key);
        Span<byte> answer = stackalloc byte[SwitchAnswer.MaxBytes];
        Span<byte> extensions = stackalloc byte[DeflateOffer.MaxAnswerBytes];
        var agreed = 0;
        var agreement = loop.Engine.EchoDeflate is { } options
            ? DeflateOffer.Negotiate(_head, chunk, options, extensions, out agreed)
            : null;
        var length = SwitchAnswer.Write(key, Subprotocol(chunk), extensions[..agreed], answer);
        if (length < 0)
        {
            // A subprotocol of hundreds of characters: it does without.
            length = SwitchAnswer.Write(key, default, extensions[..agreed], answer);
        }

        if (!Write(client, channel, answer[..length]))
        {
            return false;
        }

        Libc.SetOption(client, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        state->IsOpen = true;
        state->Deflate = agreement ?? default;
        state->Messages = new MessageState(agreement);
        loop.Timers.Disarm(client);
        return Echo(client, channel, state, chunk[result.Offset..]);
    }

    /// <summary>The first one that the client offers: an echo speaks any.</summary>
    private ReadOnlySpan<byte> Subprotocol(ReadOnlySpan<byte> request)
    {
        _head.Find(request, "sec-websocket-protocol"u8, out var offered);
        var comma = offered.IndexOf((byte)',');
        return (comma < 0 ? offered : offered[..comma]).Trim(" \t"u8);
    }

    /// <summary>Answers what has come. False when the connection is gone, or about to be.</summary>
    private bool Echo(int client, Channel* channel, EchoState* state, Span<byte> chunk)
    {
        _used = 0;
        Span<byte> reply = stackalloc byte[4];
        ref var messages = ref loop.Counters[channel->Listener]->Messages;
        while (_reader.TryRead(ref state->Messages, ref chunk, Limits, out var found))
        {
            switch (found.Kind)
            {
                case MessageEventKind.Message:
                    messages += 2;
                    var payload = found.Payload;
                    var isCompressed = state->Deflate.ServerWindowBits != 0 && Compress(state, ref payload);
                    if (!Add(client, channel, found.Opcode, payload, isCompressed))
                    {
                        return false;
                    }

                    break;
                case MessageEventKind.Ping:
                    if (!Add(client, channel, Opcode.Pong, found.Payload, isCompressed: false))
                    {
                        return false;
                    }

                    break;
                case MessageEventKind.Close:
                    var size = CloseFrame.EncodeReply(found.CloseCode, reply);
                    return Flush(client, channel) && Write(client, channel, reply[..size]) && End(client, channel, state);
                case MessageEventKind.Error:
                    var frame = CloseFrame.Encode(found.Error!.Code, found.Error.Reason);
                    return Flush(client, channel) && Write(client, channel, frame) && End(client, channel, state);
            }
        }

        return Flush(client, channel);
    }

    private bool Compress(EchoState* state, ref ReadOnlySpan<byte> payload)
    {
        if (!_compressor.TryCompress(ref state->Messages, state->Deflate, loop.Engine.EchoDeflate!, payload, out var compressed))
        {
            return false;
        }

        payload = compressed;
        return true;
    }

    private bool Add(int client, Channel* channel, Opcode opcode, ReadOnlySpan<byte> payload, bool isCompressed)
    {
        if (_used + ServerFrame.MaxHeaderBytes + payload.Length > OutBytes && !Flush(client, channel))
        {
            return false;
        }

        _used += ServerFrame.WriteHeader(new Span<byte>(_out + _used, ServerFrame.MaxHeaderBytes), opcode, payload.Length, isCompressed);
        if (_used + payload.Length > OutBytes)
        {
            return Flush(client, channel) && Write(client, channel, payload);
        }

        payload.CopyTo(new Span<byte>(_out + _used, payload.Length));
        _used += payload.Length;
        return true;
    }

    private bool Flush(int client, Channel* channel)
    {
        var count = _used;
        _used = 0;
        return Write(client, channel, new ReadOnlySpan<byte>(_out, count));
    }

    /// <summary>False when the socket is gone.</summary>
    private bool Write(int client, Channel* channel, ReadOnlySpan<byte> bytes)
    {
        if (loop.Frames.Send(client, channel, bytes))
        {
            loop.Counters[channel->Listener]->Traffic.Sent += bytes.Length;
            return true;
        }

        loop.Closer.Close(client, CloseReason.ClientReset, reset: true);
        return false;
    }

    /// <summary>Closes once everything is written. Always false: nothing more is read.</summary>
    private bool End(int client, Channel* channel, EchoState* state)
    {
        if (channel->Pending == 0)
        {
            loop.Closer.Close(client, CloseReason.ClientClosed, reset: false);
        }
        else
        {
            state->IsEnding = true;
            loop.Timers.Arm(client, loop.Tick + CloseTicks);
        }

        return false;
    }

    private struct EchoState
    {
        public MessageState Messages;

        /// <summary>What was agreed on; <c>default</c>: no compression.</summary>
        public DeflateAgreement Deflate;

        /// <summary>Its upgrade was answered.</summary>
        public bool IsOpen;

        /// <summary>What is pending is the last.</summary>
        public bool IsEnding;
    }
}
