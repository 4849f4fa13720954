using System.Globalization;
using System.Text;

namespace Mooring.Gateway.Hub.Resp;

/// <summary>Takes RESP2 and RESP3 apart as it comes, in pieces of any size. Pure; not thread-safe; of no more use once it has thrown.</summary>
/// <remarks>
/// Each byte is looked at once, however it is split. Nothing is allocated ahead of what has arrived: a length is only a promise.
/// Attributes (<c>|</c>) are read and left out. Streamed texts and lists (<c>$?</c>, <c>*?</c>), which Redis has never sent, are refused.
/// </remarks>
internal sealed class RespReader(RespLimits limits)
{
    /// <summary>What a value takes in a list.</summary>
    private const int ValueBytes = 24;
    private const int FirstBulk = 64 * 1024;
    private const int FirstItems = 16;

    private readonly List<Frame> _stack = [];
    private byte[] _line = [];
    private int _lineLength;
    private byte[]? _bulk;
    private int _bulkLength;
    private int _bulkFilled;
    private byte _bulkType;
    private long _taken;
    private long _offset;

    /// <summary>Whether a value has begun and is not whole.</summary>
    public bool IsWithin => _lineLength > 0 || _bulk is not null || _stack.Count > 0;

    /// <summary>Reads on until a value is whole or the input is used up. Returns how many bytes it took; the rest is for the next call.</summary>
    /// <exception cref="RespProtocolException">Not RESP, or larger than the limits.</exception>
    public int Read(ReadOnlySpan<byte> input, out RespValue value, out bool isWhole)
    {
        var at = 0;
        isWhole = false;
        value = default;
        while (at < input.Length && !isWhole)
        {
            at += _bulk is null ? ReadLine(input[at..], out value, out isWhole) : ReadBulk(input[at..], out value, out isWhole);
        }

        _offset += at;
        return at;
    }

    private int ReadLine(ReadOnlySpan<byte> input, out RespValue value, out bool isWhole)
    {
        value = default;
        isWhole = false;
        var feed = input.IndexOf((byte)'\n');
        var taken = feed < 0 ? input.Length : feed + 1;
        if (_lineLength + taken > limits.MaxLine)
        {
            throw Fail($"a line is longer than {limits.MaxLine} bytes");
        }

        if (feed < 0)
        {
            Carry(input);
            return taken;
        }

        if (_lineLength == 0)
        {
            isWhole = Parse(input[..taken], out value);
            return taken;
        }

        Carry(input[..taken]);
        var line = _line.AsSpan(0, _lineLength);
        _lineLength = 0;
        isWhole = Parse(line, out value);
        return taken;
    }

    private void Carry(ReadOnlySpan<byte> piece)
    {
        if (_lineLength + piece.Length > _line.Length)
        {
            Array.Resize(ref _line, Math.Max(256, Math.Max(_line.Length * 2, _lineLength + piece.Length)));
        }

        piece.CopyTo(_line.AsSpan(_lineLength));
        _lineLength += piece.Length;
    }

    /// <summary>A whole line, its ending included. True: with it a top value is whole.</summary>
    private bool Parse(ReadOnlySpan<byte> line, out RespValue value)
    {
        value = default;
        if (line.Length < 3 || line[^2] != '\r' || line[..^2].IndexOf((byte)'\r') >= 0)
        {
            throw Fail("a line must be a type, its content, CR and LF");
        }

        var type = line[0];
        var content = line[1..^2];
        switch (type)
        {
            case (byte)'+':
                return Finish(Text(RespKind.Simple, content), out value);
            case (byte)'-':
                return Finish(Text(RespKind.Error, content), out value);
            case (byte)'(':
                return Finish(Text(RespKind.BigNumber, content), out value);
            case (byte)':':
                return Finish(RespValue.OfInteger(Number(content)), out value);
            case (byte)',':
                return Finish(RespValue.OfDouble(Real(content)), out value);
            case (byte)'_' when content.IsEmpty:
                return Finish(RespValue.Null, out value);
            case (byte)'#' when content is [(byte)'t' or (byte)'f']:
                return Finish(RespValue.OfBoolean(content[0] == 't'), out value);
            case (byte)'$' or (byte)'!' or (byte)'=':
                return Begin(type, Number(content), out value);
            case (byte)'*' or (byte)'~' or (byte)'>' or (byte)'%' or (byte)'|':
                return Open(type, Number(content), out value);
            default:
                throw Fail(type is >= 32 and < 127 ? $"'{(char)type}' begins no value" : $"0x{type:X2} begins no value");
        }
    }

    private RespValue Text(RespKind kind, ReadOnlySpan<byte> content)
    {
        Take(content.Length);
        return RespValue.OfBytes(kind, content.ToArray());
    }

    private bool Begin(byte type, long length, out RespValue value)
    {
        if (length == -1 && type == '$')
        {
            return Finish(RespValue.Null, out value);
        }

        if (length < 0 || length > limits.MaxReply)
        {
            throw Fail($"a text of {length} bytes; at most {limits.MaxReply}");
        }

        Take(length);
        value = default;
        // Room for CR and LF as well, so that they come by the same way.
        _bulkLength = (int)length + 2;
        _bulkFilled = 0;
        _bulkType = type;
        _bulk = new byte[Math.Min(_bulkLength, FirstBulk)];
        return false;
    }

    private int ReadBulk(ReadOnlySpan<byte> input, out RespValue value, out bool isWhole)
    {
        var piece = input[..Math.Min(input.Length, _bulkLength - _bulkFilled)];
        if (_bulkFilled + piece.Length > _bulk!.Length)
        {
            Array.Resize(ref _bulk, (int)Math.Min(_bulkLength, Math.Max(_bulkFilled + piece.Length, _bulk.Length * 2L)));
        }

        piece.CopyTo(_bulk.AsSpan(_bulkFilled));
        _bulkFilled += piece.Length;
        value = default;
        isWhole = false;
        if (_bulkFilled < _bulkLength)
        {
            return piece.Length;
        }

        if (_bulk[_bulkLength - 2] != '\r' || _bulk[_bulkLength - 1] != '\n')
        {
            throw Fail("no CR and LF after a text of the length announced");
        }

        var content = _bulk.AsSpan(0, _bulkLength - 2);
        if (_bulkType == '=')
        {
            // "txt:" or "mkd:".
            if (content.Length < 4 || content[3] != ':')
            {
                throw Fail("a verbatim text without its form");
            }

            content = content[4..];
        }

        _bulk = null;
        isWhole = Finish(RespValue.OfBytes(_bulkType == '!' ? RespKind.Error : RespKind.Bulk, content.ToArray()), out value);
        return piece.Length;
    }

    private bool Open(byte type, long count, out RespValue value)
    {
        if (count == -1 && type == '*')
        {
            return Finish(RespValue.Null, out value);
        }

        var items = type is (byte)'%' or (byte)'|' ? count * 2 : count;
        if (count < 0 || items < 0 || items > limits.MaxReply / ValueBytes)
        {
            throw Fail($"a list of {count} items; at most {limits.MaxReply / ValueBytes}");
        }

        if (type == '>' && _stack.Count > 0)
        {
            throw Fail("a push within another value");
        }

        if (_stack.Count >= limits.MaxDepth)
        {
            throw Fail($"lists within lists, deeper than {limits.MaxDepth}");
        }

        var kind = type switch
        {
            (byte)'*' => RespKind.Array,
            (byte)'~' => RespKind.Set,
            (byte)'>' => RespKind.Push,
            _ => RespKind.Map,
        };
        if (items == 0 && type != '|')
        {
            return Finish(RespValue.OfItems(kind, []), out value);
        }

        value = default;
        if (items > 0)
        {
            _stack.Add(new Frame(kind, type == '|', (int)items));
        }

        return false;
    }

    /// <summary>Puts a value where it belongs, and closes the lists that it was the last of. True: it was the top, which is whole.</summary>
    private bool Finish(RespValue item, out RespValue value)
    {
        Take(ValueBytes);
        while (_stack.Count > 0)
        {
            var frame = _stack[^1];
            if (!frame.Add(item))
            {
                value = default;
                return false;
            }

            _stack.RemoveAt(_stack.Count - 1);
            if (frame.IsAttribute)
            {
                // The value that it describes is still to come.
                value = default;
                return false;
            }

            item = frame.ToValue();
        }

        value = item;
        _taken = 0;
        return true;
    }

    private void Take(long bytes)
    {
        _taken += bytes;
        if (_taken > limits.MaxReply)
        {
            throw Fail($"a reply takes more than {limits.MaxReply} bytes");
        }
    }

    private long Number(ReadOnlySpan<byte> content) =>
        long.TryParse(content, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Fail($"'{Shown(content)}' is no whole number of 64 bits");

    private double Real(ReadOnlySpan<byte> content) =>
        content.SequenceEqual("inf"u8) ? double.PositiveInfinity
        : content.SequenceEqual("-inf"u8) ? double.NegativeInfinity
        : content.SequenceEqual("nan"u8) ? double.NaN
        : double.TryParse(content, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
        : throw Fail($"'{Shown(content)}' is no number");

    private static string Shown(ReadOnlySpan<byte> content) => Encoding.ASCII.GetString(content[..Math.Min(content.Length, 20)]);

    private RespProtocolException Fail(string message) => new(_offset, message);

    private sealed class Frame(RespKind kind, bool isAttribute, int count)
    {
        private RespValue[] _items = new RespValue[Math.Min(count, FirstItems)];
        private int _filled;

        public bool IsAttribute => isAttribute;

        /// <summary>True: it was the last.</summary>
        public bool Add(RespValue item)
        {
            if (_filled == _items.Length)
            {
                Array.Resize(ref _items, (int)Math.Min(count, _items.Length * 2L));
            }

            _items[_filled++] = item;
            return _filled == count;
        }

        public RespValue ToValue() => RespValue.OfItems(kind, _items);
    }
}
