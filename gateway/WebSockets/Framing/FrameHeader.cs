using System.Buffers.Binary;

namespace Mooring.Gateway.WebSockets.Framing;

/// <summary>Opcodes of RFC 6455 §5.2.</summary>
internal enum Opcode : byte
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// <summary>Reads and writes frame headers, for the ends of a connection. Pure.</summary>
/// <param name="First">First byte: FIN, reserved bits and opcode.</param>
/// <param name="PayloadLength">Bytes after the header; negative when the length had its top bit set, which no frame may (§5.2).</param>
/// <param name="MaskKey">Null on an unmasked frame.</param>
/// <param name="Size">Bytes of the header itself: 2 to 14.</param>
internal readonly record struct FrameHeader(byte First, long PayloadLength, uint? MaskKey, int Size)
{
    public const int MaxSize = 14;

    public Opcode Opcode => (Opcode)(First & 0x0F);

    public bool IsFinal => (First & 0x80) != 0;

    /// <summary>Reads the header at the start of the data; false when not all of it is there. Its rules are for <see cref="FrameTracker"/> to check.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out FrameHeader header)
    {
        header = default;
        if (data.Length < 2)
        {
            return false;
        }

        var extended = (data[1] & 0x7F) switch
        {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        var masked = (data[1] & 0x80) != 0;
        var size = 2 + extended + (masked ? 4 : 0);
        if (data.Length < size)
        {
            return false;
        }

        var length = extended switch
        {
            8 => BinaryPrimitives.ReadInt64BigEndian(data[2..]),
            2 => BinaryPrimitives.ReadUInt16BigEndian(data[2..]),
            _ => data[1] & 0x7F,
        };
        header = new FrameHeader(data[0], length, masked ? BinaryPrimitives.ReadUInt32LittleEndian(data[(2 + extended)..]) : null, size);
        return true;
    }

    /// <summary>Writes the header in its shortest form and returns its size.</summary>
    public static int Write(Span<byte> destination, byte first, long payloadLength, uint? maskKey)
    {
        var mask = maskKey is null ? 0 : 0x80;
        destination[0] = first;
        var size = 2;
        switch (payloadLength)
        {
            case < 126:
                destination[1] = (byte)(mask | (int)payloadLength);
                break;
            case <= ushort.MaxValue:
                destination[1] = (byte)(mask | 126);
                BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payloadLength);
                size = 4;
                break;
            default:
                destination[1] = (byte)(mask | 127);
                BinaryPrimitives.WriteUInt64BigEndian(destination[2..], (ulong)payloadLength);
                size = 10;
                break;
        }

        if (maskKey is { } key)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(destination[size..], key);
            size += 4;
        }

        return size;
    }
}
