using System.Buffers.Binary;
using System.Text;

namespace Mooring.Benchmarks.Load;

/// <summary>WebSocket frames as a client writes and reads them, RFC 6455 §5.2: whole messages of at most 64 KiB. Pure.</summary>
internal static class WebSocketFrames
{
    public const byte Text = 0x81;
    public const byte Binary = 0x82;
    public const byte Close = 0x88;

    /// <summary>Header and masking key at most.</summary>
    public const int MaxHead = 8;

    // Of RFC 6455 §1.3, with its answer.
    private const string Key = "dGhlIHNhbXBsZSBub25jZQ==";
    private const string Accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    public static byte[] Upgrade(string host) =>
        Encoding.ASCII.GetBytes(
            $"GET /bench HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {Key}\r\n\r\n"
        );

    /// <summary>Whether a head is the answer to <see cref="Upgrade"/>.</summary>
    public static bool IsSwitch(string head) =>
        head.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal)
        && head.Split("\r\n").Any(line => line.Equals($"Sec-WebSocket-Accept: {Accept}", StringComparison.OrdinalIgnoreCase));

    /// <summary>Writes a masked frame; returns its length.</summary>
    public static int Write(Span<byte> destination, byte first, ReadOnlySpan<byte> payload, uint key)
    {
        destination[0] = first;
        var head = 2;
        if (payload.Length < 126)
        {
            destination[1] = (byte)(0x80 | payload.Length);
        }
        else
        {
            destination[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payload.Length);
            head = 4;
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination[head..], key);
        head += 4;
        for (var i = 0; i < payload.Length; i++)
        {
            destination[head + i] = (byte)(payload[i] ^ (key >> (8 * (i & 3))));
        }

        return head + payload.Length;
    }

    /// <summary>Takes a whole frame of a server off the front. False when there is none.</summary>
    /// <exception cref="LoadFailedException">It is masked, a part of a message, or longer than 64 KiB.</exception>
    public static bool TryRead(ref ReadOnlySpan<byte> bytes, out byte first, out ReadOnlySpan<byte> payload)
    {
        first = 0;
        payload = default;
        if (bytes.Length < 2)
        {
            return false;
        }

        var (head, length) = (2, (int)bytes[1]);
        if (length == 126)
        {
            if (bytes.Length < 4)
            {
                return false;
            }

            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        }
        else if (length > 126)
        {
            throw new LoadFailedException("a frame that is masked, or longer than 64 KiB");
        }

        if (bytes.Length < head + length)
        {
            return false;
        }

        if ((bytes[0] & 0xF0) != 0x80)
        {
            throw new LoadFailedException($"a frame that begins with 0x{bytes[0]:x2}");
        }

        first = bytes[0];
        payload = bytes.Slice(head, length);
        bytes = bytes[(head + length)..];
        return true;
    }
}
