namespace Mooring.Gateway.WebSockets;

/// <summary>Brings a path into the one form that routes are compared in. Pure.</summary>
/// <remarks>
/// Only for matching: the backend gets the path as sent. So a path that a backend could read as another than the one matched is refused:
/// dot segments, also percent-encoded, backslashes, and an encoded NUL. Percent-encoded unreserved characters are decoded and
/// other hex digits upper-cased, RFC 3986 §6.2.2; an encoded slash stays encoded, for it does not separate segments. To a backend
/// it may, and one such as Tomcat cuts segments at a semicolon: dots before or behind these are refused as well.
/// </remarks>
internal static class PathNormalizer
{
    /// <summary>Writes the normal form and returns its length, at most the path's own, or -1 for a path that is refused.</summary>
    /// <param name="path">Starts with a slash; without query.</param>
    /// <param name="destination">At least as long as <paramref name="path"/>.</param>
    public static int Normalize(ReadOnlySpan<byte> path, Span<byte> destination)
    {
        if (path.IsEmpty || path[0] != '/')
        {
            return -1;
        }

        var length = 0;
        for (var i = 0; i < path.Length; i++)
        {
            var value = path[i];
            switch (value)
            {
                case (byte)'%':
                    if (i + 2 >= path.Length || Hex(path[i + 1]) is not (>= 0 and var high) || Hex(path[i + 2]) is not (>= 0 and var low))
                    {
                        return -1;
                    }

                    i += 2;
                    var decoded = (byte)((high << 4) | low);
                    if (decoded is 0 or (byte)'\\')
                    {
                        return -1;
                    }

                    if (IsUnreserved(decoded))
                    {
                        destination[length++] = decoded;
                        break;
                    }

                    destination[length++] = (byte)'%';
                    destination[length++] = Digit(high);
                    destination[length++] = Digit(low);
                    break;
                case (byte)'\\' or (byte)'#':
                    return -1;
                default:
                    destination[length++] = value;
                    break;
            }
        }

        return HasDotSegment(destination[..length]) ? -1 : length;
    }

    private static bool HasDotSegment(ReadOnlySpan<byte> path)
    {
        for (var i = 0; i < path.Length; i++)
        {
            var rest = path[i..];
            var separator = Starts(rest, '/', "%2F"u8);
            if (separator == 0)
            {
                continue;
            }

            rest = rest[separator..];
            var dots =
                rest.StartsWith(".."u8) ? 2
                : rest.StartsWith("."u8) ? 1
                : 0;
            rest = rest[dots..];
            if (dots > 0 && (rest.IsEmpty || Starts(rest, '/', "%2F"u8) + Starts(rest, ';', "%3B"u8) > 0))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Length of what the rest starts with of the two forms of a character; 0: neither.</summary>
    private static int Starts(ReadOnlySpan<byte> rest, char plain, ReadOnlySpan<byte> encoded) =>
        rest.IsEmpty ? 0
        : rest[0] == plain ? 1
        : rest.StartsWith(encoded) ? encoded.Length
        : 0;

    private static bool IsUnreserved(byte value) =>
        char.IsAsciiLetterOrDigit((char)value) || value is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~';

    private static int Hex(byte value) =>
        value switch
        {
            >= (byte)'0' and <= (byte)'9' => value - '0',
            >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
            >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
            _ => -1,
        };

    private static byte Digit(int value) => (byte)(value < 10 ? '0' + value : 'A' + value - 10);
}
