namespace Mooring.Gateway.WebSockets;

/// <summary>Brings a path into the one form that routes are compared in. Pure.</summary>
/// <remarks>
/// Only for matching: the backend gets the path as sent. So a path that a backend could read as another than the one matched is refused:
/// dot segments, also percent-encoded, backslashes, and an encoded NUL. Percent-encoded unreserved characters are decoded and
/// other hex digits upper-cased, RFC 3986 §6.2.2; an encoded slash stays encoded, for it does not separate segments.
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
        while (!path.IsEmpty)
        {
            path = path[1..];
            var slash = path.IndexOf((byte)'/');
            var segment = slash < 0 ? path : path[..slash];
            if (segment.SequenceEqual("."u8) || segment.SequenceEqual(".."u8))
            {
                return true;
            }

            path = slash < 0 ? default : path[slash..];
        }

        return false;
    }

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
