using System.Buffers.Binary;
using System.Text;

namespace Mooring.Gateway.Tests.Transport.Tls;

/// <summary>Makes ClientHellos, whole or split into records.</summary>
internal static class Hellos
{
    /// <summary>A ClientHello message without records.</summary>
    public static byte[] Message(string? name, int padding = 0)
    {
        var extensions = new List<byte>();
        // Something before it, as clients have.
        Extension(extensions, 0xff01, [0]);
        if (name is not null)
        {
            var host = Encoding.ASCII.GetBytes(name);
            Extension(extensions, 0, [.. U16(host.Length + 3), 0, .. U16(host.Length), .. host]);
        }

        Extension(extensions, 43, [2, 3, 4]);
        if (padding > 0)
        {
            Extension(extensions, 21, new byte[padding]);
        }

        byte[] body =
        [
            3,
            3,
            .. new byte[32],
            32,
            .. new byte[32],
            .. U16(4),
            0x13,
            1,
            0x13,
            2,
            1,
            0,
            .. U16(extensions.Count),
            .. extensions,
        ];
        return [1, (byte)(body.Length >> 16), (byte)(body.Length >> 8), (byte)body.Length, .. body];
    }

    /// <summary>As records of these lengths, the rest in one of its own.</summary>
    public static byte[] Records(byte[] message, params int[] lengths)
    {
        var result = new List<byte>();
        var at = 0;
        foreach (var length in lengths.Where(static length => length > 0).Append(int.MaxValue))
        {
            var count = Math.Min(length, message.Length - at);
            if (count == 0)
            {
                break;
            }

            result.AddRange([22, 3, 1, .. U16(count), .. message.AsSpan(at, count)]);
            at += count;
        }

        return [.. result];
    }

    public static byte[] Whole(string? name, int padding = 0) => Records(Message(name, padding));

    private static void Extension(List<byte> to, int type, byte[] value) => to.AddRange([.. U16(type), .. U16(value.Length), .. value]);

    private static byte[] U16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        return bytes;
    }
}
