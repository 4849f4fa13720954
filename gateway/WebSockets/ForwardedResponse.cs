using Mooring.Gateway.WebSockets.Framing;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>Writes the response head that the client gets. Pure.</summary>
internal static class ForwardedResponse
{
    /// <summary>What the rewriting can add to a head, in bytes: give the destination so much more than the head.</summary>
    public const int MaxAdded = 512;

    /// <summary>Why a 101 does not open a WebSocket; null when it does.</summary>
    /// <remarks>Sec-WebSocket-Accept is the client's to check: the key was the client's.</remarks>
    public static string? CheckSwitch(HttpHead head, ReadOnlySpan<byte> data)
    {
        if (!head.HasToken(data, "upgrade"u8, "websocket"u8) || !head.HasToken(data, "connection"u8, "upgrade"u8))
        {
            return "101 without Upgrade: websocket and Connection: Upgrade";
        }

        return head.Find(data, "sec-websocket-accept"u8, out _) == 1 ? null : "101 without one Sec-WebSocket-Accept";
    }

    /// <summary>What the frames of this connection may use, by the extensions that the backend accepted.</summary>
    public static FrameExtensions Extensions(HttpHead head, ReadOnlySpan<byte> data)
    {
        var extensions = FrameExtensions.None;
        foreach (ref readonly var field in head.Fields)
        {
            if (!HopByHop.Is(field.Name.Of(data), "sec-websocket-extensions"u8))
            {
                continue;
            }

            var list = field.Value.Of(data);
            while (HttpTokens.NextElement(ref list, out var element))
            {
                var parameters = element.IndexOf((byte)';');
                var name = (parameters < 0 ? element : element[..parameters]).Trim(" \t"u8);
                if (!HopByHop.Is(name, "permessage-deflate"u8))
                {
                    return FrameExtensions.Unknown;
                }

                extensions = FrameExtensions.Deflate;
            }
        }

        return extensions;
    }

    /// <summary>Writes the head and returns its length, or -1 when it does not fit.</summary>
    /// <param name="head">The backend's response: 101, or any final one.</param>
    /// <param name="data">What it was parsed from.</param>
    /// <param name="setCookie">Value of a Set-Cookie field to add; empty for none.</param>
    /// <param name="destination">Where to write.</param>
    public static int Write(HttpHead head, ReadOnlySpan<byte> data, ReadOnlySpan<byte> setCookie, Span<byte> destination)
    {
        var writer = new HeadWriter(destination);
        var switches = head.StatusCode == 101;

        // The status line as sent, but the version: a response to an HTTP/1.1 request is in the gateway's own version (RFC 9110 §2.5).
        var line = data[..data.IndexOf("\r\n"u8)];
        writer.Append("HTTP/1.1"u8);
        writer.Append(line[8..]);
        writer.Append("\r\n"u8);
        writer.Append(switches ? "Connection: Upgrade\r\nUpgrade: websocket\r\n"u8 : "Connection: close\r\n"u8);
        foreach (ref readonly var field in head.Fields)
        {
            var name = field.Name.Of(data);

            // The body is relayed as framed by the backend, so its framing goes along.
            var framing = !switches && HopByHop.Is(name, "transfer-encoding"u8);
            if (framing || (!HopByHop.Ends(head, data, name) && !(switches && HopByHop.Is(name, "content-length"u8))))
            {
                writer.Field(name, field.Value.Of(data));
            }
        }

        if (!setCookie.IsEmpty)
        {
            writer.Field("Set-Cookie"u8, setCookie);
        }

        writer.Append("\r\n"u8);
        return writer.Overflow ? -1 : writer.Length;
    }
}
