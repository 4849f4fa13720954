namespace Mooring.Gateway.WebSockets.Framing;

/// <summary>Which end sent the frames: a client masks each of them, a server none (RFC 6455 §5.1).</summary>
internal enum FrameSender : byte
{
    Client,
    Server,
}

/// <summary>Header bits beyond RFC 6455 that the negotiated extensions allow.</summary>
internal enum FrameExtensions : byte
{
    None,

    /// <summary>permessage-deflate: RSV1 on the first frame of a message (RFC 7692 §6).</summary>
    Deflate,

    /// <summary>Any other: no reserved bit or opcode can be called wrong.</summary>
    Unknown,
}

/// <summary>Where <see cref="FrameTracker.Advance(ReadOnlySpan{byte}, StopAt)"/> stops before the end of the chunk.</summary>
internal enum StopAt : byte
{
    /// <summary>Nowhere but at an error.</summary>
    End,

    /// <summary>Between two frames: where a control frame may be put in.</summary>
    Frame,

    /// <summary>Between two messages.</summary>
    Message,

    /// <summary>Before the first byte of a close frame.</summary>
    Close,
}

/// <summary>What broke the framing.</summary>
internal enum FrameError : byte
{
    None,
    ReservedBit,
    ReservedOpcode,
    ControlTooLong,
    FragmentedControl,
    UnexpectedContinuation,
    ExpectedContinuation,
    WrongMasking,
    LengthTooLarge,
    ClosePayload,
}

// Hot path: every chunk that a proxied WebSocket carries, once per frame in it.

/// <summary>Follows frame boundaries over arbitrary chunks of one direction, without looking at payload.</summary>
/// <remarks>
/// 16 bytes, no allocation; <c>default</c> follows a client without extensions. Lengths in a longer form than needed pass: they are
/// unambiguous, and refusing them is for the endpoint to decide. Not thread-safe.
/// </remarks>
internal partial struct FrameTracker
{
    private ulong _remaining; // payload bytes to come; while the length is being read, the part of it seen
    private byte _lengthLeft; // bytes of the extended length to come
    private byte _maskLeft; // bytes of the masking key to come
    private bool _inHeader; // the first byte has been read and the header is not complete
    private bool _lengthNext; // the second byte is to come
    private byte _opcode;
    private Flags _flags;
    private FrameError _error;

    public FrameTracker(FrameSender sender, FrameExtensions extensions) =>
        _flags =
            (sender == FrameSender.Server ? Flags.Server : Flags.None)
            | extensions switch
            {
                FrameExtensions.Deflate => Flags.Deflate,
                FrameExtensions.Unknown => Flags.AnyExtension,
                _ => Flags.None,
            };

    [Flags]
    private enum Flags : byte
    {
        None = 0,
        Server = 1,
        Deflate = 2,
        AnyExtension = 4,
        Fragmented = 8,
        Closed = 16,
    }

    /// <summary>The last byte seen ended a frame, or none was seen yet.</summary>
    public readonly bool AtFrameBoundary => !_inHeader && _remaining == 0 && _error == FrameError.None;

    /// <summary>As <see cref="AtFrameBoundary"/>, and no message is waiting for its other fragments.</summary>
    public readonly bool AtMessageBoundary => AtFrameBoundary && (_flags & Flags.Fragmented) == Flags.None;

    /// <summary>A whole close frame has passed.</summary>
    public readonly bool CloseSeen => (_flags & Flags.Closed) != Flags.None && AtFrameBoundary;

    /// <summary>Once set it stays, and nothing more is consumed.</summary>
    public readonly FrameError Error => _error;

    /// <summary>Payload bytes of the frame under way still to come: so many may be moved unseen, by splice, and reported by <see cref="SkipPayload"/>.</summary>
    public readonly ulong PayloadRemaining => _inHeader ? 0 : _remaining;

    /// <summary>Counts payload bytes that were moved unseen.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="PayloadRemaining"/>.</exception>
    public void SkipPayload(ulong count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, PayloadRemaining);
        _remaining -= count;
    }

    /// <summary>Follows the chunk and returns how much of it was consumed: all, up to a stop, or up to the byte that is wrong.</summary>
    public int Advance(ReadOnlySpan<byte> chunk, StopAt stop)
    {
        var messages = 0L;
        return Advance(chunk, stop, ref messages);
    }

    /// <summary>As <see cref="Advance(ReadOnlySpan{byte}, StopAt)"/>, and adds the messages whose last frame began in the chunk.</summary>
    public int Advance(ReadOnlySpan<byte> chunk, StopAt stop, ref long messages)
    {
        var at = 0;
        while (true)
        {
            if (_remaining > 0 && !_inHeader)
            {
                var take = (int)Math.Min(_remaining, (ulong)(chunk.Length - at));
                _remaining -= (ulong)take;
                at += take;
            }

            if (AtFrameBoundary && (stop == StopAt.Frame || (stop == StopAt.Message && AtMessageBoundary)))
            {
                return at;
            }

            if (at == chunk.Length || _error != FrameError.None)
            {
                return at;
            }

            if (!_inHeader && stop == StopAt.Close && (chunk[at] & 0x0F) == 8)
            {
                return at;
            }

            var isFirst = !_inHeader;
            if (!ReadHeaderByte(chunk[at]))
            {
                return at;
            }

            // FIN, and no control frame (RFC 6455 §5.2).
            if (isFirst && (chunk[at] & 0x88) == 0x80)
            {
                messages++;
            }

            at++;
        }
    }

    private bool ReadHeaderByte(byte value)
    {
        if (!_inHeader)
        {
            return ReadFirst(value);
        }

        if (_lengthNext)
        {
            return ReadSecond(value);
        }

        if (_lengthLeft > 0)
        {
            // Eight length bytes with the top bit set mean a negative length (RFC 6455 §5.2).
            if (_lengthLeft == 8 && value >= 0x80)
            {
                return Fail(FrameError.LengthTooLarge);
            }

            _remaining = (_remaining << 8) | value;
            _lengthLeft--;
        }
        else
        {
            _maskLeft--;
        }

        _inHeader = _lengthLeft + _maskLeft > 0;
        return true;
    }

    private bool ReadFirst(byte value)
    {
        var opcode = (byte)(value & 0x0F);
        var final = (value & 0x80) != 0;
        var fragmented = (_flags & Flags.Fragmented) != Flags.None;
        if ((_flags & Flags.AnyExtension) == Flags.None)
        {
            var allowed = (_flags & Flags.Deflate) != Flags.None && opcode is 1 or 2 ? 0x40 : 0;
            if ((value & 0x70 & ~allowed) != 0)
            {
                return Fail(FrameError.ReservedBit);
            }

            if (opcode is (> 2 and < 8) or > 10)
            {
                return Fail(FrameError.ReservedOpcode);
            }
        }

        if (opcode >= 8)
        {
            if (!final)
            {
                return Fail(FrameError.FragmentedControl);
            }
        }
        else if ((opcode == 0) != fragmented)
        {
            return Fail(fragmented ? FrameError.ExpectedContinuation : FrameError.UnexpectedContinuation);
        }
        else
        {
            _flags = final ? _flags & ~Flags.Fragmented : _flags | Flags.Fragmented;
        }

        _opcode = opcode;
        _inHeader = _lengthNext = true;
        return true;
    }

    private bool ReadSecond(byte value)
    {
        var masked = (value & 0x80) != 0;
        if (masked == ((_flags & Flags.Server) != Flags.None))
        {
            return Fail(FrameError.WrongMasking);
        }

        var length = value & 0x7F;
        if (_opcode >= 8 && length > 125)
        {
            return Fail(FrameError.ControlTooLong);
        }

        if (_opcode == 8)
        {
            if (length == 1)
            {
                return Fail(FrameError.ClosePayload);
            }

            _flags |= Flags.Closed;
        }

        _lengthNext = false;
        _lengthLeft = length switch
        {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        _maskLeft = masked ? (byte)4 : (byte)0;
        _remaining = _lengthLeft > 0 ? 0 : (ulong)length;
        _inHeader = _lengthLeft + _maskLeft > 0;
        return true;
    }

    private bool Fail(FrameError error)
    {
        _error = error;
        return false;
    }
}
