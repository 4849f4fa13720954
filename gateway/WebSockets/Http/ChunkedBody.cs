using System.Buffers;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Decodes a request's body in the chunked transfer coding as it arrives, RFC 9112 §7.1. Extensions and trailers are skipped.</summary>
/// <remarks>
/// As strict as <see cref="HttpHead"/>: every line ends with CR LF, and sizes have hexadecimal digits only. Give <see cref="Parse"/> the same bytes each
/// time, from the body's first, grown by what came: every byte is looked at once. Not thread-safe.
/// </remarks>
/// <param name="maxBytes">Of the content. What surrounds it may be as much again, and some.</param>
internal sealed class ChunkedBody(int maxBytes)
{
    /// <summary>Longest line of a chunk's size with its extensions, and all trailers together, in bytes.</summary>
    public const int MaxLineBytes = 4096;

    private const int MaxSizeDigits = 8;

    private readonly ArrayBufferWriter<byte> _content = new();
    private Part _part;
    private int _at;
    private int _left;
    private int _trailerBytes;

    /// <summary>With all that is no content.</summary>
    private int MaxRawBytes => (2 * maxBytes) + MaxLineBytes;

    private enum Part : byte
    {
        Size,
        Data,
        DataEnd,
        Trailer,
    }

    /// <summary>What has come of the content.</summary>
    public ReadOnlySpan<byte> Content => _content.WrittenSpan;

    /// <summary>Goes on where the last call stopped. After <see cref="HeadStatus.Complete"/> or an error it is not to be called again.</summary>
    /// <returns>With the offset of what comes behind the body, or of the byte that is wrong.</returns>
    public HeadResult Parse(ReadOnlySpan<byte> data)
    {
        while (true)
        {
            if (_at > MaxRawBytes)
            {
                return TooLong();
            }

            var rest = data[_at..];
            switch (_part)
            {
                case Part.Data:
                    var take = Math.Min(_left, rest.Length);
                    _content.Write(rest[..take]);
                    _at += take;
                    _left -= take;
                    if (_left > 0)
                    {
                        return HeadResult.NeedMore;
                    }

                    _part = Part.DataEnd;
                    break;
                case Part.DataEnd:
                    var expected = "\r\n"u8;
                    if (!expected.StartsWith(rest[..Math.Min(rest.Length, expected.Length)]))
                    {
                        return HeadResult.Error(400, _at, "a chunk is longer than it said");
                    }

                    if (rest.Length < expected.Length)
                    {
                        return HeadResult.NeedMore;
                    }

                    _at += 2;
                    _part = Part.Size;
                    break;
                default:
                    var end = rest.IndexOf((byte)'\n');
                    if (end < 0)
                    {
                        return rest.Length > MaxLineBytes ? LineTooLong() : HeadResult.NeedMore;
                    }

                    if (end == 0 || rest[end - 1] != '\r')
                    {
                        return HeadResult.Error(400, _at + end, "line feed without carriage return");
                    }

                    var result = _part == Part.Size ? TakeSize(rest[..(end - 1)]) : TakeTrailer(rest[..(end - 1)]);
                    if (result.Status != HeadStatus.NeedMore)
                    {
                        return result;
                    }

                    break;
            }
        }
    }

    private HeadResult TakeSize(ReadOnlySpan<byte> line)
    {
        var digits = line.IndexOf((byte)';');
        var size = (digits < 0 ? line : line[..digits]).TrimEnd(" \t"u8);
        var wrong = HttpTokens.FirstNonHex(size);
        if (size.IsEmpty || wrong >= 0)
        {
            return HeadResult.Error(400, _at + Math.Max(wrong, 0), "a chunk's size is no hexadecimal number");
        }

        if (line.Length > MaxLineBytes)
        {
            return LineTooLong();
        }

        var control = HttpTokens.FirstControl(line);
        if (control >= 0)
        {
            return HeadResult.Error(400, _at + control, "control character in a chunk's extension");
        }

        size = size.TrimStart((byte)'0');
        var count = 0L;
        foreach (var digit in size[..Math.Min(size.Length, MaxSizeDigits)])
        {
            count = (count << 4) | (uint)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }

        if (size.Length > MaxSizeDigits || count > maxBytes - _content.WrittenCount)
        {
            return TooLong();
        }

        _at += line.Length + 2;
        _left = (int)count;
        _part = count == 0 ? Part.Trailer : Part.Data;
        return HeadResult.NeedMore;
    }

    private HeadResult TakeTrailer(ReadOnlySpan<byte> line)
    {
        _trailerBytes += line.Length;
        if (_trailerBytes > MaxLineBytes)
        {
            return LineTooLong();
        }

        _at += line.Length + 2;
        return line.IsEmpty ? HeadResult.Complete(_at) : HeadResult.NeedMore;
    }

    private HeadResult TooLong() => HeadResult.Error(413, _at, $"the body is longer than {maxBytes} bytes");

    private HeadResult LineTooLong() => HeadResult.Error(400, _at, $"a line of the chunked body is longer than {MaxLineBytes} bytes");
}
