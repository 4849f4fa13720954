using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>Finds the host that an HTTP request is for, and nothing else (RFC 9112 §3.2). Pure.</summary>
internal static class HostField
{
    /// <summary>Bytes of a request's head at most.</summary>
    public const int MaxHead = 16 * 1024;

    /// <param name="bytes">Everything that has come so far.</param>
    /// <param name="host">Name without port, as sent; within <paramref name="bytes"/>.</param>
    /// <returns>Refused: no request of HTTP/1, or none with exactly one Host of sensible form.</returns>
    public static HelloVerdict Read(ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> host)
    {
        host = default;
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (!char.IsAsciiLetterUpper((char)bytes[0]) || (end < 0 ? bytes.Length : end) > MaxHead)
        {
            return HelloVerdict.Refused;
        }

        if (end < 0)
        {
            return HelloVerdict.More;
        }

        var found = 0;
        var rest = bytes[..(end + 2)];
        for (var at = rest.IndexOf("\r\n"u8); at >= 0 && at + 2 < rest.Length; at = rest.IndexOf("\r\n"u8))
        {
            rest = rest[(at + 2)..];
            var line = rest[..rest.IndexOf("\r\n"u8)];
            if (line.Length > 5 && System.Text.Ascii.EqualsIgnoreCase(line[..5], "host:"u8))
            {
                found++;
                host = line[5..].Trim(" \t"u8);
            }
        }

        var colon = host.LastIndexOf((byte)':');
        if (colon >= 0)
        {
            host = host[..colon];
        }

        return found == 1 && host.Length is > 0 and <= 253 && host.IndexOfAnyExcept(Allowed) < 0
            ? HelloVerdict.Whole
            : HelloVerdict.Refused;
    }

    private static readonly System.Buffers.SearchValues<byte> Allowed = System.Buffers.SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."u8
    );
}
