using System.Text;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Finds the end of a response's body over arbitrary chunks, RFC 9112 §6.3, without copying it.</summary>
/// <remarks>Not thread-safe. <c>default</c> is a body of no bytes.</remarks>
internal struct BodyTracker
{
    private Mode _mode;
    private long _remaining;
    private int _lineLength;
    private bool _trailerHasText;

    private enum Mode : byte
    {
        Done,
        Length,
        ChunkSize,
        ChunkExtension,
        ChunkData,
        ChunkEnd,
        Trailer,
        UntilClose,
        Broken,
    }

    /// <summary>The last byte of the body was seen.</summary>
    public readonly bool IsDone => _mode == Mode.Done;

    /// <summary>Only the connection's end ends the body.</summary>
    public readonly bool IsUntilClose => _mode == Mode.UntilClose;

    /// <summary>The chunked framing is wrong.</summary>
    public readonly bool IsBroken => _mode == Mode.Broken;

    /// <summary>The body of the response to a GET. Null when its framing is ambiguous.</summary>
    public static BodyTracker? For(HttpHead head, ReadOnlySpan<byte> data)
    {
        if (head.StatusCode is < 200 or 204 or 304)
        {
            return default(BodyTracker);
        }

        var encodings = head.Find(data, "transfer-encoding"u8, out var encoding);
        var lengths = head.Find(data, "content-length"u8, out var length);
        if (encodings > 0)
        {
            return encodings == 1 && lengths == 0 && Ascii.EqualsIgnoreCase(encoding, "chunked"u8)
                ? new BodyTracker { _mode = Mode.ChunkSize }
                : null;
        }

        if (lengths == 0)
        {
            return new BodyTracker { _mode = Mode.UntilClose };
        }

        if (lengths > 1 || length.Length is 0 or > 18 || length.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0)
        {
            return null;
        }

        var value = 0L;
        foreach (var digit in length)
        {
            value = (value * 10) + (digit - '0');
        }

        return new BodyTracker { _mode = value == 0 ? Mode.Done : Mode.Length, _remaining = value };
    }

    /// <summary>Follows the chunk and returns how much of it belongs to the body.</summary>
    public int Advance(ReadOnlySpan<byte> chunk)
    {
        var at = 0;
        while (at < chunk.Length && _mode is not (Mode.Done or Mode.Broken))
        {
            switch (_mode)
            {
                case Mode.UntilClose:
                    return chunk.Length;
                case Mode.Length or Mode.ChunkData:
                    var take = (int)Math.Min(_remaining, chunk.Length - at);
                    at += take;
                    _remaining -= take;
                    if (_remaining == 0)
                    {
                        _mode = _mode == Mode.Length ? Mode.Done : Mode.ChunkEnd;
                    }

                    break;
                default:
                    Step(chunk[at++]);
                    break;
            }
        }

        return at;
    }

    private void Step(byte value)
    {
        switch (_mode)
        {
            case Mode.ChunkSize when char.IsAsciiHexDigit((char)value) && _lineLength < 15:
                _remaining = (_remaining << 4) | (uint)(value <= '9' ? value - '0' : (value | 0x20) - 'a' + 10);
                _lineLength++;
                break;
            case Mode.ChunkSize when _lineLength > 0 && value is (byte)';' or (byte)' ' or (byte)'\t' or (byte)'\r':
                _mode = Mode.ChunkExtension;
                break;
            case Mode.ChunkExtension when value == '\n':
                _mode = _remaining == 0 ? Mode.Trailer : Mode.ChunkData;
                _lineLength = 0;
                _trailerHasText = false;
                break;
            case Mode.ChunkExtension or Mode.Trailer when ++_lineLength > 4096:
                _mode = Mode.Broken;
                break;
            case Mode.ChunkExtension:
                break;
            case Mode.ChunkEnd when value == '\r':
                break;
            case Mode.ChunkEnd when value == '\n':
                _mode = Mode.ChunkSize;
                break;
            case Mode.Trailer when value == '\n':
                _mode = _trailerHasText ? Mode.Trailer : Mode.Done;
                _trailerHasText = false;
                break;
            case Mode.Trailer:
                _trailerHasText |= value != '\r';
                break;
            default:
                _mode = Mode.Broken;
                break;
        }
    }
}
