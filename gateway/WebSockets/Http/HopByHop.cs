using System.Text;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Tells which fields end at this hop, RFC 9110 §7.6.1.</summary>
internal static class HopByHop
{
    /// <summary>Whether the field must not be forwarded: hop-by-hop by its own name, or named by a Connection field.</summary>
    /// <remarks>
    /// Connection cannot name away what makes the request: Host and the fields of the handshake. Otherwise a client could have the backend
    /// see another request than the one that was routed.
    /// </remarks>
    public static bool Ends(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        if (
            Is(name, "connection"u8)
            || Is(name, "upgrade"u8)
            || Is(name, "keep-alive"u8)
            || Is(name, "proxy-connection"u8)
            || Is(name, "proxy-authorization"u8)
            || Is(name, "te"u8)
            || Is(name, "trailer"u8)
            || Is(name, "transfer-encoding"u8)
        )
        {
            return true;
        }

        return !Is(name, "host"u8) && !IsHandshake(name) && head.HasToken(data, "connection"u8, name);
    }

    public static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> other) =>
        name.Length == other.Length && Ascii.EqualsIgnoreCase(name, other);

    private static bool IsHandshake(ReadOnlySpan<byte> name) => name.Length > 14 && Ascii.EqualsIgnoreCase(name[..14], "sec-websocket-"u8);
}
