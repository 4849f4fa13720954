using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Writes the 101 of an endpoint that terminates WebSockets, RFC 6455 §4.2.2. Pure.</summary>
internal static class SwitchAnswer
{
    /// <summary>Enough for the answer without subprotocol and further fields.</summary>
    public const int MaxBytes = 512;

    /// <summary>Characters of Sec-WebSocket-Accept.</summary>
    public const int AcceptLength = 28;

    /// <summary>Writes the answer and returns its length, or -1 when it does not fit.</summary>
    /// <param name="key">Sec-WebSocket-Key of the request, as <see cref="UpgradeValidator"/> lets it pass.</param>
    /// <param name="subprotocol">One that the client has offered; empty: none is named, which a client that offered some may take for a failure.</param>
    /// <param name="extensions">As <see cref="Deflate.DeflateOffer.Negotiate"/> gave it; empty: none.</param>
    /// <param name="destination">Where to write.</param>
    public static int Write(ReadOnlySpan<byte> key, ReadOnlySpan<byte> subprotocol, ReadOnlySpan<byte> extensions, Span<byte> destination)
    {
        Span<byte> accept = stackalloc byte[AcceptLength];
        Accept(key, accept);
        var writer = new HeadWriter(destination);
        writer.Append("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"u8);
        writer.Field("Sec-WebSocket-Accept"u8, accept);
        if (!subprotocol.IsEmpty)
        {
            writer.Field("Sec-WebSocket-Protocol"u8, subprotocol);
        }

        if (!extensions.IsEmpty)
        {
            writer.Field("Sec-WebSocket-Extensions"u8, extensions);
        }

        writer.Append("\r\n"u8);
        return writer.Overflow ? -1 : writer.Length;
    }

    /// <summary>Writes the value of Sec-WebSocket-Accept for a key of at most 24 characters.</summary>
    [SuppressMessage("Security", "CA5350", Justification = "RFC 6455 §4.2.2 fixes SHA-1; nothing is protected by it")]
    public static void Accept(ReadOnlySpan<byte> key, Span<byte> destination)
    {
        Span<byte> joined = stackalloc byte[24 + 36];
        key.CopyTo(joined);
        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8.CopyTo(joined[key.Length..]);
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(joined[..(key.Length + 36)], hash);
        Base64.EncodeToUtf8(hash, destination, out _, out _);
    }
}
