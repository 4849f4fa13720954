using System.Buffers.Binary;
using System.Text;

namespace Mooring.Gateway.WebSockets.Framing;

/// <summary>Encodes close frames, RFC 6455 §5.5.1. Pure.</summary>
internal static class CloseFrame
{
    /// <summary>Header, masking key, code and the longest reason.</summary>
    public const int MaxSize = 2 + 4 + 125;

    /// <summary>Bytes of reason that fit a control frame.</summary>
    public const int MaxReasonBytes = 123;

    /// <summary>A close frame as a server sends it.</summary>
    /// <exception cref="ArgumentException">The code may not be sent, or the reason is longer than <see cref="MaxReasonBytes"/> of UTF-8.</exception>
    public static byte[] Encode(int code, string reason) => Encode(code, reason, null);

    /// <summary>A close frame as a client sends it.</summary>
    /// <param name="code">Status code that may be sent: 1000 to 1014 but 1004, 1005 and 1006, or 3000 to 4999.</param>
    /// <param name="reason">Text for people; may be empty.</param>
    /// <param name="maskKey">Any value; fresh random for a frame to a server.</param>
    /// <exception cref="ArgumentException">The code may not be sent, or the reason is longer than <see cref="MaxReasonBytes"/> of UTF-8.</exception>
    public static byte[] Encode(int code, string reason, uint? maskKey)
    {
        if (!MaySend(code))
        {
            throw new ArgumentException($"close code {code} may not be sent", nameof(code));
        }

        var length = Encoding.UTF8.GetByteCount(reason);
        if (length > MaxReasonBytes)
        {
            throw new ArgumentException($"close reason of {length} bytes is longer than {MaxReasonBytes}", nameof(reason));
        }

        Span<byte> frame = stackalloc byte[MaxSize];
        var size = FrameHeader.Write(frame, 0x80 | (byte)Opcode.Close, 2 + length, maskKey);
        var payload = frame.Slice(size, 2 + length);
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetBytes(reason, payload[2..]);
        if (maskKey is { } key)
        {
            FrameMask.Apply(payload, key);
        }

        return frame[..(size + payload.Length)].ToArray();
    }

    /// <summary>A server's answer to a client's close frame: its code, or none when it had none (RFC 6455 §5.5.1).</summary>
    /// <param name="code">As received; 1005: none.</param>
    /// <param name="destination">At least 4 bytes.</param>
    /// <returns>Bytes written.</returns>
    public static int EncodeReply(int code, Span<byte> destination)
    {
        var empty = code == 1005;
        var size = FrameHeader.Write(destination, 0x80 | (byte)Opcode.Close, empty ? 0 : 2, null);
        if (empty)
        {
            return size;
        }

        BinaryPrimitives.WriteUInt16BigEndian(destination[size..], (ushort)code);
        return size + 2;
    }

    /// <summary>Whether RFC 6455 §7.4 and its registry let an endpoint send the code.</summary>
    public static bool MaySend(int code) => code is (>= 1000 and <= 1014 and not (1004 or 1005 or 1006)) or (>= 3000 and <= 4999);
}
