namespace Mooring.Testing;

/// <summary>Reads the wire format of protobuf without knowing the messages: tag, then a varint, 8 bytes, length and bytes, or 4 bytes.</summary>
public static class ProtobufWire
{
    /// <summary>Texts, bytes and messages of one field, in order.</summary>
    public static List<byte[]> Fields(byte[] message, int field) =>
        [.. Walk(message).Where(one => one.Field == field && one.Bytes is not null).Select(static one => one.Bytes!)];

    /// <summary>Varints and fixed numbers of one field, in order.</summary>
    public static List<ulong> Numbers(byte[] message, int field) =>
        [.. Walk(message).Where(one => one.Field == field && one.Bytes is null).Select(static one => one.Number)];

    private static IEnumerable<(int Field, ulong Number, byte[]? Bytes)> Walk(byte[] message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var tag = Varint(message, ref at);
            var field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    yield return (field, Varint(message, ref at), null);
                    break;
                case 1:
                    yield return (field, BitConverter.ToUInt64(message, at), null);
                    at += 8;
                    break;
                case 2:
                    var length = (int)Varint(message, ref at);
                    yield return (field, 0, message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    yield return (field, BitConverter.ToUInt32(message, at), null);
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7} at byte {at}");
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[at++];
            value |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }
    }
}
