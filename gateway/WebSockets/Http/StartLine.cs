namespace Mooring.Gateway.WebSockets.Http;

/// <summary>First line of a request or a response, RFC 9112 §3 and §4. Pure.</summary>
internal static class StartLine
{
    private const int MaxMethodLength = 32;

    /// <summary>Reads <c>method SP target SP HTTP/1.x</c>. On an error the rest of the result is empty.</summary>
    public static (Slice Method, Slice Target, int MinorVersion) ParseRequest(ReadOnlySpan<byte> line, out HeadResult error)
    {
        error = default;
        var methodEnd = line.IndexOf((byte)' ');
        var method = methodEnd < 0 ? line : line[..methodEnd];
        var invalid = HttpTokens.FirstNonToken(method);
        if (invalid >= 0)
        {
            return Fail(400, invalid, "invalid character in the method", out error);
        }

        if (methodEnd < 0)
        {
            return Fail(400, line.Length, "request line without target", out error);
        }

        if (methodEnd > MaxMethodLength)
        {
            return Fail(400, MaxMethodLength, "method longer than 32 bytes", out error);
        }

        var targetStart = methodEnd + 1;
        var targetLength = line[targetStart..].IndexOf((byte)' ');
        var target = targetLength < 0 ? line[targetStart..] : line.Slice(targetStart, targetLength);
        invalid = HttpTokens.FirstNonVisible(target);
        if (invalid >= 0 || target.IsEmpty)
        {
            return Fail(
                400,
                targetStart + Math.Max(invalid, 0),
                target.IsEmpty ? "empty request target" : "invalid character in the request target",
                out error
            );
        }

        if (targetLength < 0)
        {
            return Fail(400, line.Length, "request line without version", out error);
        }

        var versionStart = targetStart + targetLength + 1;
        var minor = Version(line[versionStart..], versionStart, out error);
        return error.Status == HeadStatus.Error
            ? default
            : (new Slice(0, (ushort)methodEnd), new Slice((ushort)targetStart, (ushort)targetLength), minor);
    }

    /// <summary>Reads <c>HTTP/1.x SP code [SP reason]</c>.</summary>
    public static (int Code, int MinorVersion) ParseStatus(ReadOnlySpan<byte> line, out HeadResult error)
    {
        var versionEnd = line.IndexOf((byte)' ');
        if (versionEnd < 0)
        {
            error = HeadResult.Error(400, line.Length, "status line without code");
            return default;
        }

        var minor = Version(line[..versionEnd], 0, out error);
        if (error.Status == HeadStatus.Error)
        {
            return default;
        }

        var rest = line[(versionEnd + 1)..];
        if (
            rest.Length < 3
            || !char.IsAsciiDigit((char)rest[0])
            || !char.IsAsciiDigit((char)rest[1])
            || !char.IsAsciiDigit((char)rest[2])
            || rest[0] == '0'
            || (rest.Length > 3 && rest[3] != ' ')
        )
        {
            error = HeadResult.Error(400, versionEnd + 1, "invalid status code");
            return default;
        }

        var control = HttpTokens.FirstControl(rest);
        if (control >= 0)
        {
            error = HeadResult.Error(400, versionEnd + 1 + control, "control character in the reason phrase");
            return default;
        }

        return (((rest[0] - '0') * 100) + ((rest[1] - '0') * 10) + (rest[2] - '0'), minor);
    }

    private static int Version(ReadOnlySpan<byte> text, int at, out HeadResult error)
    {
        error = default;
        switch (text)
        {
            case [(byte)'H', (byte)'T', (byte)'T', (byte)'P', (byte)'/', (byte)'1', (byte)'.', (byte)'0' or (byte)'1']:
                return text[7] - '0';
            case [
                (byte)'H',
                (byte)'T',
                (byte)'T',
                (byte)'P',
                (byte)'/',
                >= (byte)'0'
                and <= (byte)'9',
                (byte)'.',
                >= (byte)'0'
                and <= (byte)'9',
            ]:
                error = HeadResult.Error(505, at, "HTTP version other than 1.0 and 1.1");
                return 0;
            default:
                error = HeadResult.Error(400, at, "invalid HTTP version");
                return 0;
        }
    }

    private static (Slice, Slice, int) Fail(int status, int offset, string reason, out HeadResult error)
    {
        error = HeadResult.Error(status, offset, reason);
        return default;
    }
}
