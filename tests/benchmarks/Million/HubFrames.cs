using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace Mooring.Benchmarks.Million;

/// <summary>The bytes that a Centrifugo client sends over a WebSocket, and how it reads those that come.</summary>
internal static class HubFrames
{
    /// <summary>Bytes of the longest frame that a client sends.</summary>
    public const int MaxBytes = 512;

    // {"alg":"HS256","typ":"JWT"}
    private static ReadOnlySpan<byte> TokenHead => "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."u8;

    private static ReadOnlySpan<byte> CommandHead => "{\"id\":1,\"connect\":{\"token\":\""u8;

    private static ReadOnlySpan<byte> CommandTail => "\"}}"u8;

    /// <summary>The answer to a ping: <c>{}</c> in a masked text frame. A client's mask must not be foreseen by an application; here it is the load's own.</summary>
    public static ReadOnlySpan<byte> Pong => [0x81, 0x82, 0, 0, 0, 0, (byte)'{', (byte)'}'];

    /// <summary>The client's half of a closing handshake, with code 1000.</summary>
    public static ReadOnlySpan<byte> Close => [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

    public static byte[] Upgrade(string host) =>
        Encoding.ASCII.GetBytes(
            $"GET /connection/websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );

    /// <summary>Writes the connect command of a user whose token subscribes it to its own channel, without an allocation. Returns the frame's length.</summary>
    public static int WriteConnect(Span<byte> frame, ReadOnlySpan<byte> key, int user, string space)
    {
        Span<byte> claims = stackalloc byte[128];
        Utf8.TryWrite(claims, $"{{\"sub\":\"{user}\",\"channels\":[\"{space}:{user}\"]}}", out var length);
        var command = frame[8..];
        CommandHead.CopyTo(command);
        var token = command[CommandHead.Length..];
        TokenHead.CopyTo(token);
        var signed = TokenHead.Length + Base64Url.EncodeToUtf8(claims[..length], token[TokenHead.Length..]);
        token[signed] = (byte)'.';
        Span<byte> signature = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, token[..signed], signature);
        var size = signed + 1 + Base64Url.EncodeToUtf8(signature, token[(signed + 1)..]);
        CommandTail.CopyTo(token[size..]);
        size += CommandHead.Length + CommandTail.Length;
        frame[0] = 0x81;
        frame[1] = 0x80 | 126;
        BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)size);
        frame[4..8].Clear();
        return 8 + size;
    }

    /// <summary>The first whole frame of a server. False: there is none yet. Length -1: it is none that a server may send here.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out int opcode, out Range payload, out int length)
    {
        (opcode, payload, length) = (0, default, 0);
        if (bytes.Length < 2)
        {
            return false;
        }

        opcode = bytes[0] & 0x0F;
        var (size, head) = (bytes[1] & 0x7F, 2);
        if (size == 127 || (bytes[0] & 0xF0) != 0x80 || (bytes[1] & 0x80) != 0)
        {
            length = -1;
            return true;
        }

        if (size == 126)
        {
            if (bytes.Length < 4)
            {
                return false;
            }

            (size, head) = (BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]), 4);
        }

        if (bytes.Length < head + size)
        {
            return false;
        }

        (payload, length) = (head..(head + size), head + size);
        return true;
    }

    /// <summary>A number behind a name of the load's own messages, such as <c>"user":</c>; -1 where there is none.</summary>
    public static long Number(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        var at = json.IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(json[(at + name.Length)..], out long value, out _) ? value : -1;
    }
}
