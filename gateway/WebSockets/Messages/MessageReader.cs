// Hot path: every chunk that an endpoint receives.
using System.Buffers.Binary;
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Makes messages of what clients send, RFC 6455 §5 and RFC 7692 §6: for endpoints that terminate WebSockets.</summary>
/// <remarks>
/// One per loop, for all its connections, each with a <see cref="MessageState"/>; not thread-safe. It does no IO and reads no clock.
/// A message that is whole in its chunk is unmasked there and handed out as it lies, without a copy or an allocation; others are gathered.
/// What came before an error in the same chunk is handed out first, and how the bytes were cut changes nothing.
/// </remarks>
internal sealed class MessageReader : IDisposable
{
    /// <summary>A small message that says the same over and over is no bomb: the ratio counts from here on.</summary>
    private const int FreeInflation = 64 * 1024;

    private readonly MessageBuffers _buffers = new();
    private readonly ContextTable<Inflater> _contexts = new();
    private Inflater? _shared;
    private int _handedOut;

    /// <summary>Bytes held for messages that came in parts.</summary>
    public long BufferedBytes => _buffers.Bytes;

    /// <summary>Messages that came in parts and are not whole.</summary>
    public int Buffers => _buffers.Count;

    /// <summary>Inflation contexts kept for clients that were let keep one.</summary>
    public int Contexts => _contexts.Count;

    /// <summary>Takes the next event off the front of the chunk. False when it needs more: then the chunk was used up.</summary>
    /// <param name="state">The connection's.</param>
    /// <param name="chunk">What was received; unmasked in place, so not to be read again.</param>
    /// <param name="limits">What may come.</param>
    /// <param name="found">Good until the next call, for whichever connection.</param>
    public bool TryRead(ref MessageState state, ref Span<byte> chunk, MessageLimits limits, out MessageEvent found)
    {
        if (_handedOut != 0)
        {
            _buffers.Release(ref _handedOut);
        }

        while (!state.IsEnded)
        {
            if (!state.Has(MessageState.Flags.InPayload))
            {
                if (!TryHeader(ref state, ref chunk, out var header))
                {
                    found = default;
                    return false;
                }

                if (Begin(ref state, header, limits) is { } wrong)
                {
                    return Fail(ref state, ref chunk, wrong, out found);
                }
            }

            var part = chunk[..(int)Math.Min(state.Remaining, (uint)chunk.Length)];
            chunk = chunk[part.Length..];
            state.Mask = FrameMask.Apply(part, state.Mask);
            state.Remaining -= (uint)part.Length;
            var whole = state.Remaining == 0;
            state.Set(MessageState.Flags.InPayload, !whole);
            if (state.Frame >= Opcode.Close)
            {
                if (whole)
                {
                    return EndControl(ref state, ref chunk, part, out found);
                }

                _buffers.Append(ref state.Control, part);
                break;
            }

            if (state.Message == Opcode.Text && !state.Has(MessageState.Flags.Compressed) && !state.Text.Advance(part))
            {
                return Fail(ref state, ref chunk, MessageError.Text, out found);
            }

            if (whole && state.Has(MessageState.Flags.Final))
            {
                return EndMessage(ref state, ref chunk, part, limits, out found);
            }

            if (part.Length > 0)
            {
                _buffers.Append(ref state.Buffer, part);
            }

            if (!whole)
            {
                break;
            }
        }

        chunk = default;
        found = default;
        return false;
    }

    /// <summary>Bytes held for a connection's message that has come in part.</summary>
    public long HeldBy(MessageState state) => _buffers.CapacityOf(state.Buffer) + _buffers.CapacityOf(state.Control);

    /// <summary>The connection has ended: gives back what is held for it.</summary>
    public void Release(ref MessageState state)
    {
        _buffers.Release(ref state.Buffer);
        _buffers.Release(ref state.Control);
        _contexts.Release(ref state.Inflater);
        state.Set(MessageState.Flags.Ended, true);
    }

    public void Dispose()
    {
        _shared?.Dispose();
        _contexts.Dispose();
    }

    private static bool TryHeader(ref MessageState state, ref Span<byte> chunk, out FrameHeader header)
    {
        if (state.HeaderLength == 0)
        {
            if (FrameHeader.TryRead(chunk, out header))
            {
                chunk = chunk[header.Size..];
                return true;
            }

            chunk.CopyTo(state.Header);
            state.HeaderLength = (byte)chunk.Length;
            chunk = default;
            return false;
        }

        // It came in parts: one byte after the other, so that none of the payload is taken.
        while (!chunk.IsEmpty)
        {
            state.Header[state.HeaderLength++] = chunk[0];
            chunk = chunk[1..];
            if (FrameHeader.TryRead(((ReadOnlySpan<byte>)state.Header)[..state.HeaderLength], out header))
            {
                state.HeaderLength = 0;
                return true;
            }
        }

        header = default;
        return false;
    }

    /// <summary>Checks a header and enters its frame; the error when it may not come.</summary>
    private static MessageError? Begin(ref MessageState state, in FrameHeader header, MessageLimits limits)
    {
        var control = (header.First & 0x08) != 0;
        if (CheckFirst(state.Bits, state.Message, header, control) is { } wrong)
        {
            return wrong;
        }

        if (header.MaskKey is not { } mask)
        {
            return MessageError.NotMasked;
        }

        var length = header.PayloadLength;
        var extended = header.Size - 6;
        if (length < 0)
        {
            return MessageError.LengthTooLarge;
        }

        if (control && (length > 125 || extended > 0))
        {
            return MessageError.ControlTooLong;
        }

        if ((extended == 2 && length < 126) || (extended == 8 && length <= ushort.MaxValue))
        {
            return MessageError.LengthNotShortest;
        }

        if (!control)
        {
            if (header.Opcode != Opcode.Continuation)
            {
                state.Message = header.Opcode;
                state.Fragments = 0;
                state.Text = default;
                state.Set(MessageState.Flags.Compressed, (header.First & 0x40) != 0);
            }

            if (state.Fragments >= limits.MaxFragments)
            {
                return MessageError.TooManyFragments;
            }

            state.Fragments++;
            // What cannot be compressed gets a little longer by it (zlib's deflateBound): it is what comes out that may not be too long.
            var most = state.Has(MessageState.Flags.Compressed)
                ? limits.MaxMessageBytes + (limits.MaxMessageBytes >> 4) + 64L
                : limits.MaxMessageBytes;
            if (length > most - state.Total)
            {
                return MessageError.TooBig;
            }

            state.Total += length;
            state.Set(MessageState.Flags.Final, header.IsFinal);
        }

        state.Frame = header.Opcode;
        state.Mask = mask;
        state.Remaining = (uint)length;
        state.Set(MessageState.Flags.InPayload, true);
        return null;
    }

    private static MessageError? CheckFirst(MessageState.Flags bits, Opcode message, in FrameHeader header, bool control)
    {
        var opcode = header.Opcode;
        if ((header.First & 0x30) != 0)
        {
            return MessageError.ReservedBit;
        }

        if (opcode is (> Opcode.Binary and < Opcode.Close) or > Opcode.Pong)
        {
            return MessageError.ReservedOpcode;
        }

        if ((header.First & 0x40) != 0 && CheckCompressed(bits, opcode) is { } wrong)
        {
            return wrong;
        }

        if (control)
        {
            return header.IsFinal ? null : MessageError.FragmentedControl;
        }

        var underWay = message != Opcode.Continuation;
        if (underWay == (opcode == Opcode.Continuation))
        {
            return null;
        }

        return underWay ? MessageError.MessageNotFinished : MessageError.NothingToContinue;
    }

    private static MessageError? CheckCompressed(MessageState.Flags bits, Opcode opcode)
    {
        if ((bits & MessageState.Flags.Deflate) == MessageState.Flags.None)
        {
            return MessageError.NotNegotiated;
        }

        return opcode switch
        {
            >= Opcode.Close => MessageError.CompressedControl,
            Opcode.Continuation => MessageError.CompressedContinuation,
            _ => null,
        };
    }

    private bool EndControl(ref MessageState state, ref Span<byte> chunk, ReadOnlySpan<byte> payload, out MessageEvent found)
    {
        if (state.Control != 0)
        {
            _buffers.Append(ref state.Control, payload);
            payload = _buffers[state.Control];
            (_handedOut, state.Control) = (state.Control, 0);
        }

        if (state.Frame != Opcode.Close)
        {
            var kind = state.Frame == Opcode.Ping ? MessageEventKind.Ping : MessageEventKind.Pong;
            found = new MessageEvent
            {
                Kind = kind,
                Opcode = state.Frame,
                Payload = payload,
            };
            return true;
        }

        var code = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload) : 1005;
        var reason = payload.Length >= 2 ? payload[2..] : default;
        var wrong =
            payload.Length == 1 ? MessageError.ClosePayload
            : payload.Length >= 2 && !CloseFrame.MaySend(code) ? MessageError.CloseCode
            : !System.Text.Unicode.Utf8.IsValid(reason) ? MessageError.CloseReason
            : null;
        if (wrong is not null)
        {
            return Fail(ref state, ref chunk, wrong, out found);
        }

        // What follows a close frame means nothing (§5.5.1).
        state.Set(MessageState.Flags.Ended, true);
        chunk = default;
        found = new MessageEvent
        {
            Kind = MessageEventKind.Close,
            Opcode = Opcode.Close,
            Payload = reason,
            CloseCode = code,
        };
        return true;
    }

    private bool EndMessage(
        ref MessageState state,
        ref Span<byte> chunk,
        ReadOnlySpan<byte> payload,
        MessageLimits limits,
        out MessageEvent found
    )
    {
        if (state.Buffer != 0)
        {
            _buffers.Append(ref state.Buffer, payload);
            payload = _buffers[state.Buffer];
            (_handedOut, state.Buffer) = (state.Buffer, 0);
        }

        var opcode = state.Message;
        state.Message = Opcode.Continuation;
        state.Total = 0;
        var compressed = 0;
        if (state.Has(MessageState.Flags.Compressed))
        {
            compressed = payload.Length;
            if (Inflate(ref state, opcode, limits, ref payload) is { } wrong)
            {
                return Fail(ref state, ref chunk, wrong, out found);
            }
        }
        else if (!state.Text.IsComplete)
        {
            return Fail(ref state, ref chunk, MessageError.Text, out found);
        }

        found = new MessageEvent
        {
            Kind = MessageEventKind.Message,
            Opcode = opcode,
            Payload = payload,
            CompressedBytes = compressed,
        };
        return true;
    }

    private MessageError? Inflate(ref MessageState state, Opcode opcode, MessageLimits limits, ref ReadOnlySpan<byte> payload)
    {
        var own = state.Has(MessageState.Flags.ClientTakesOver);
        var inflater = own ? _contexts.Get(ref state.Inflater, static () => new Inflater()) : _shared ??= new Inflater();
        var byRatio =
            limits.MaxInflationRatio == 0 ? long.MaxValue : Math.Max(FreeInflation, (long)payload.Length * limits.MaxInflationRatio);
        var most = (int)Math.Min(limits.MaxMessageBytes, byRatio);
        switch (inflater.Inflate(payload, most, own, out payload))
        {
            case InflateResult.Invalid:
                return MessageError.Compressed;
            case InflateResult.TooBig:
                return most < limits.MaxMessageBytes ? MessageError.InflatesTooMuch : MessageError.TooBig;
            case InflateResult.NoMemory:
                return MessageError.NoMemory;
        }

        return opcode != Opcode.Text || System.Text.Unicode.Utf8.IsValid(payload) ? null : MessageError.Text;
    }

    private bool Fail(ref MessageState state, ref Span<byte> chunk, MessageError error, out MessageEvent found)
    {
        chunk = default;
        Release(ref state);
        found = new MessageEvent { Kind = MessageEventKind.Error, Error = error };
        return true;
    }
}
