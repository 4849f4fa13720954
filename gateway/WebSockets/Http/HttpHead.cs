using System.Text;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Parses the head of an HTTP/1.1 request or response as it arrives, keeping positions and copying nothing.</summary>
/// <remarks>
/// Strict as RFC 9112 allows, because whatever two parsers read differently can be smuggled between them: lines end with CR LF and contain
/// neither alone, no white space before the colon, no line folding, only token characters in names, no control characters in values.
/// Give <see cref="Parse"/> the same buffer each time, from the head's first byte, grown by what came: every byte is looked at once, and
/// the result does not depend on how the bytes were cut. Reusable through <see cref="Reset"/>. Not thread-safe.
/// </remarks>
internal sealed class HttpHead(HeadKind kind)
{
    /// <summary>A head at most, in bytes, with the empty line that ends it. nginx's and Node's default is 16 KB too.</summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>Header fields at most. HAProxy's default is 101.</summary>
    public const int MaxFields = 100;

    private readonly HeaderField[] _fields = new HeaderField[MaxFields];
    private HeadResult _result;
    private bool _started;
    private int _lineStart;
    private int _scanned;
    private int _count;

    /// <summary>Of a request.</summary>
    public Slice Method { get; private set; }

    /// <summary>Of a request: the request target as sent.</summary>
    public Slice Target { get; private set; }

    /// <summary>0 or 1: the x of <c>HTTP/1.x</c>.</summary>
    public int MinorVersion { get; private set; }

    /// <summary>Of a response: 100 to 999.</summary>
    public int StatusCode { get; private set; }

    /// <summary>Header fields in the order sent.</summary>
    public ReadOnlySpan<HeaderField> Fields => _fields.AsSpan(0, _count);

    /// <summary>Goes on where the last call stopped. After <see cref="HeadStatus.Complete"/> or an error it returns the same again.</summary>
    public HeadResult Parse(ReadOnlySpan<byte> data)
    {
        if (_result.Status == HeadStatus.NeedMore)
        {
            _result = Continue(data);
        }

        return _result;
    }

    public void Reset()
    {
        _result = default;
        _started = false;
        _lineStart = _scanned = _count = 0;
        Method = Target = default;
        MinorVersion = StatusCode = 0;
    }

    /// <summary>Number of fields of this name, case-insensitive; <paramref name="value"/> is the first one's.</summary>
    public int Find(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = default;
        var found = 0;
        foreach (ref readonly var field in Fields)
        {
            if (field.Name.Length == name.Length && Ascii.EqualsIgnoreCase(field.Name.Of(data), name))
            {
                if (found++ == 0)
                {
                    value = field.Value.Of(data);
                }
            }
        }

        return found;
    }

    /// <summary>Whether a field of this name lists the token, in any of its lines, case-insensitive.</summary>
    public bool HasToken(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name, ReadOnlySpan<byte> token)
    {
        foreach (ref readonly var field in Fields)
        {
            if (
                field.Name.Length == name.Length
                && Ascii.EqualsIgnoreCase(field.Name.Of(data), name)
                && HttpTokens.ListContains(field.Value.Of(data), token)
            )
            {
                return true;
            }
        }

        return false;
    }

    private HeadResult Continue(ReadOnlySpan<byte> data)
    {
        var window = data.Length > MaxBytes ? data[..MaxBytes] : data;

        // Looked at before the line is complete, so that a TLS client on a plain port is answered at once rather than timed out.
        if (!_started && window.Length > 0 && !HttpTokens.IsToken(window[0]))
        {
            return HeadResult.Error(400, 0, "not an HTTP message: invalid first byte");
        }

        while (true)
        {
            var lineFeed = window[_scanned..].IndexOf((byte)'\n');
            if (lineFeed < 0)
            {
                _scanned = window.Length;
                return data.Length >= MaxBytes
                    ? HeadResult.Error(431, MaxBytes, "the head is longer than 16384 bytes")
                    : HeadResult.NeedMore;
            }

            var end = _scanned + lineFeed;
            _scanned = end + 1;
            if (end == _lineStart || window[end - 1] != '\r')
            {
                return HeadResult.Error(400, end, "line feed without carriage return");
            }

            var line = window[_lineStart..(end - 1)];
            var bare = line.IndexOf((byte)'\r');
            if (bare >= 0)
            {
                return HeadResult.Error(400, _lineStart + bare, "carriage return inside a line");
            }

            if (line.IsEmpty)
            {
                return HeadResult.Complete(_scanned);
            }

            var error = !_started ? ParseStartLine(line) : ParseField(line);
            if (error.Status == HeadStatus.Error)
            {
                return error;
            }

            _started = true;
            _lineStart = _scanned;
        }
    }

    private HeadResult ParseStartLine(ReadOnlySpan<byte> line)
    {
        if (kind == HeadKind.Response)
        {
            var (code, minor) = StartLine.ParseStatus(line, out var wrong);
            (StatusCode, MinorVersion) = (code, minor);
            return wrong;
        }

        var (method, target, version) = StartLine.ParseRequest(line, out var error);
        (Method, Target, MinorVersion) = (method, target, version);
        return error;
    }

    private HeadResult ParseField(ReadOnlySpan<byte> line)
    {
        if (line[0] is (byte)' ' or (byte)'\t')
        {
            return HeadResult.Error(400, _lineStart, "line folding");
        }

        var colon = line.IndexOf((byte)':');
        var nameLength = colon < 0 ? line.Length : colon;
        var invalid = HttpTokens.FirstNonToken(line[..nameLength]);
        if (invalid >= 0)
        {
            return HeadResult.Error(400, _lineStart + invalid, "invalid character in a header name");
        }

        if (colon <= 0)
        {
            return HeadResult.Error(400, _lineStart + nameLength, colon < 0 ? "header line without colon" : "empty header name");
        }

        var control = HttpTokens.FirstControl(line[(colon + 1)..]);
        if (control >= 0)
        {
            return HeadResult.Error(400, _lineStart + colon + 1 + control, "control character in a header value");
        }

        if (_count == MaxFields)
        {
            return HeadResult.Error(431, _lineStart, "more than 100 header fields");
        }

        var start = colon + 1;
        var end = line.Length;
        while (start < end && line[start] is (byte)' ' or (byte)'\t')
        {
            start++;
        }

        while (end > start && line[end - 1] is (byte)' ' or (byte)'\t')
        {
            end--;
        }

        _fields[_count++] = new HeaderField(At(0, colon), At(start, end - start));
        return HeadResult.NeedMore;
    }

    private Slice At(int start, int length) => new((ushort)(_lineStart + start), (ushort)length);
}

/// <summary>Which start line a head has.</summary>
internal enum HeadKind
{
    Request,
    Response,
}
