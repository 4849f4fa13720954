using System.Buffers.Binary;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>What the first bytes of a connection say.</summary>
internal enum HelloVerdict
{
    /// <summary>A ClientHello has begun; more of it is to come.</summary>
    More,

    /// <summary>The ClientHello is whole.</summary>
    Whole,

    /// <summary>Not TLS, or broken, or longer than <see cref="ClientHello.MaxBytes"/>.</summary>
    Refused,
}

/// <summary>Reads the server name off a ClientHello (RFC 8446 §4.1.2, RFC 6066 §3), in however many records it comes. Pure.</summary>
/// <remarks>
/// Looks only at what routing needs, and at all lengths on the way there. Records may split the message anywhere (RFC 8446 §5.1). Nothing
/// is allocated: a message in several records is joined in a buffer that the caller gives.
/// </remarks>
internal static class ClientHello
{
    /// <summary>Bytes of a record's header and of a handshake message's, with which <see cref="Begins"/> is sure.</summary>
    public const int HeaderBytes = 9;

    /// <summary>Longest ClientHello message taken; with post-quantum key shares real ones have up to 2 KiB.</summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>Records of a ClientHello at most: each may carry as little as one byte, and costs five.</summary>
    public const int MaxRecords = 64;

    /// <summary>With so many bytes of the wire <see cref="Arrived"/> is never in want of more.</summary>
    public const int MaxWireBytes = MessageHeader + MaxBytes + (MaxRecords * RecordHeader);

    /// <summary>Longest server name: DNS's.</summary>
    public const int MaxNameBytes = 255;

    private const byte HandshakeRecord = 22;
    private const byte ClientHelloMessage = 1;
    private const int RecordHeader = 5;
    private const int MessageHeader = 4;
    private const int MaxRecordBytes = 1 << 14;
    private const ushort ServerNameExtension = 0;

    /// <summary>Whether these first bytes begin a ClientHello of bearable length. <see cref="HelloVerdict.Whole"/> says only that the headers are.</summary>
    public static HelloVerdict Begins(ReadOnlySpan<byte> bytes)
    {
        if (
            (bytes.Length > 0 && bytes[0] != HandshakeRecord)
            || (bytes.Length > 1 && bytes[1] != 3)
            || (bytes.Length > 4 && BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]) is 0 or > MaxRecordBytes)
            || (bytes.Length > RecordHeader && bytes[RecordHeader] != ClientHelloMessage)
        )
        {
            return HelloVerdict.Refused;
        }

        if (bytes.Length < HeaderBytes)
        {
            return HelloVerdict.More;
        }

        // A first record too short for the message's header is legal; its length is seen once more records are there.
        return HeaderInFirstRecord(bytes) && MessageLength(bytes[RecordHeader..]) > MaxBytes ? HelloVerdict.Refused : HelloVerdict.Whole;
    }

    /// <summary>Whether the first record of what <see cref="Begins"/> found whole has the message's length in it, as everybody's has.</summary>
    private static bool HeaderInFirstRecord(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]) >= MessageHeader;

    /// <summary>Whether a ClientHello is here to its last byte. What is in it is the handshake's to judge: only its headers are looked at.</summary>
    /// <remarks>One whose first record is too short for the message's header is refused: it is legal, but nobody's.</remarks>
    /// <param name="bytes">Everything that has come so far, or <see cref="MaxWireBytes"/> of it.</param>
    public static HelloVerdict Arrived(ReadOnlySpan<byte> bytes)
    {
        if (Begins(bytes) is not HelloVerdict.Whole and var verdict)
        {
            return verdict;
        }

        if (!HeaderInFirstRecord(bytes))
        {
            return HelloVerdict.Refused;
        }

        var left = MessageHeader + MessageLength(bytes[RecordHeader..]);
        for (var records = 1; ; records++)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]);
            if (bytes.Length - RecordHeader >= Math.Min(length, left))
            {
                left -= length;
                if (left <= 0)
                {
                    return HelloVerdict.Whole;
                }
            }
            else
            {
                return HelloVerdict.More;
            }

            bytes = bytes[(RecordHeader + length)..];
            if (records == MaxRecords || Check(bytes, first: false) == HelloVerdict.Refused)
            {
                return HelloVerdict.Refused;
            }

            if (bytes.Length < RecordHeader)
            {
                return HelloVerdict.More;
            }
        }
    }

    /// <summary>Reads a ClientHello.</summary>
    /// <param name="bytes">Everything that has come so far.</param>
    /// <param name="joined">Room for a message in several records: <see cref="MaxBytes"/> and four.</param>
    /// <param name="name">
    /// The server name as sent, within <paramref name="bytes"/> or <paramref name="joined"/>; empty when there is none. 1 to
    /// <see cref="MaxNameBytes"/> visible ASCII characters.
    /// </param>
    public static HelloVerdict Read(ReadOnlySpan<byte> bytes, Span<byte> joined, out ReadOnlySpan<byte> name)
    {
        name = default;
        var message = ReadOnlySpan<byte>.Empty;
        var have = 0;
        for (var records = 0; ; records++)
        {
            if (records == MaxRecords || Check(bytes, first: records == 0) == HelloVerdict.Refused)
            {
                return HelloVerdict.Refused;
            }

            if (bytes.Length < RecordHeader)
            {
                return HelloVerdict.More;
            }

            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]);
            var part = bytes.Slice(RecordHeader, Math.Min(length, bytes.Length - RecordHeader));
            if (have == 0 && records == 0)
            {
                message = part;
            }
            else
            {
                if (records == 1)
                {
                    message.CopyTo(joined);
                }

                if (have + part.Length > joined.Length)
                {
                    return HelloVerdict.Refused;
                }

                part.CopyTo(joined[have..]);
                message = joined[..(have + part.Length)];
            }

            have += part.Length;
            if (have >= MessageHeader)
            {
                var whole = MessageLength(message);
                if (message[0] != ClientHelloMessage || whole > MaxBytes)
                {
                    return HelloVerdict.Refused;
                }

                if (have >= MessageHeader + whole)
                {
                    return ReadBody(message.Slice(MessageHeader, whole), out name) ? HelloVerdict.Whole : HelloVerdict.Refused;
                }
            }

            if (part.Length < length)
            {
                return HelloVerdict.More;
            }

            bytes = bytes[(RecordHeader + length)..];
        }
    }

    private static HelloVerdict Check(ReadOnlySpan<byte> bytes, bool first) =>
        first ? Begins(bytes)
        : (bytes.Length > 0 && bytes[0] != HandshakeRecord)
        || (bytes.Length > 1 && bytes[1] != 3)
        || (bytes.Length > 4 && BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]) is 0 or > MaxRecordBytes)
            ? HelloVerdict.Refused
        : HelloVerdict.More;

    private static int MessageLength(ReadOnlySpan<byte> message) => (message[1] << 16) | (message[2] << 8) | message[3];

    private static bool ReadBody(ReadOnlySpan<byte> body, out ReadOnlySpan<byte> name)
    {
        name = default;
        var rest = body;
        // legacy_version and random
        if (!Skip(ref rest, 34) || !TakeVector(ref rest, 1, out var session) || session.Length > 32)
        {
            return false;
        }

        if (!TakeVector(ref rest, 2, out var ciphers) || ciphers.Length is 0 || ciphers.Length % 2 != 0)
        {
            return false;
        }

        if (!TakeVector(ref rest, 1, out var compressions) || compressions.Length == 0)
        {
            return false;
        }

        if (rest.IsEmpty)
        {
            // Before TLS 1.2 there need be no extensions.
            return true;
        }

        if (!TakeVector(ref rest, 2, out var extensions) || !rest.IsEmpty)
        {
            return false;
        }

        var found = false;
        while (!extensions.IsEmpty)
        {
            if (extensions.Length < 2)
            {
                return false;
            }

            var type = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = extensions[2..];
            if (!TakeVector(ref extensions, 2, out var value))
            {
                return false;
            }

            if (type != ServerNameExtension)
            {
                continue;
            }

            if (found || !ReadServerName(value, out name))
            {
                return false;
            }

            found = true;
        }

        return true;
    }

    private static bool ReadServerName(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> name)
    {
        name = default;
        if (!TakeVector(ref value, 2, out var list) || !value.IsEmpty || list.IsEmpty)
        {
            return false;
        }

        while (!list.IsEmpty)
        {
            var type = list[0];
            list = list[1..];
            if (!TakeVector(ref list, 2, out var entry))
            {
                return false;
            }

            if (type != 0)
            {
                continue;
            }

            // At most one of a type, and only this type was ever defined (RFC 6066 §3).
            if (!name.IsEmpty || entry.Length is 0 or > MaxNameBytes || entry.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
            {
                return false;
            }

            name = entry;
        }

        return true;
    }

    private static bool Skip(scoped ref ReadOnlySpan<byte> rest, int count)
    {
        if (rest.Length < count)
        {
            return false;
        }

        rest = rest[count..];
        return true;
    }

    private static bool TakeVector(scoped ref ReadOnlySpan<byte> rest, int lengthBytes, out ReadOnlySpan<byte> vector)
    {
        vector = default;
        if (rest.Length < lengthBytes)
        {
            return false;
        }

        var length = lengthBytes == 1 ? rest[0] : BinaryPrimitives.ReadUInt16BigEndian(rest);
        if (rest.Length - lengthBytes < length)
        {
            return false;
        }

        vector = rest.Slice(lengthBytes, length);
        rest = rest[(lengthBytes + length)..];
        return true;
    }
}
