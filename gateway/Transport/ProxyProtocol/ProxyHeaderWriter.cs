using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>A client and where it came to.</summary>
internal readonly record struct ProxyAddresses(
    NetworkAddress Source,
    ushort SourcePort,
    NetworkAddress Destination,
    ushort DestinationPort
);

/// <summary>Writes PROXY protocol headers (HAProxy's proxy-protocol.txt). Pure.</summary>
/// <remarks>
/// Addresses of which one is IPv6 are both written as such, IPv4 as IPv4-mapped. Destinations are of
/// <see cref="ProxyHeader.MaxWrittenBytes"/> at least, which takes any header that can be asked for.
/// </remarks>
internal static class ProxyHeaderWriter
{
    private const int Fixed = 16;

    /// <summary>A line of version 1; returns its length.</summary>
    public static int WriteV1(in ProxyAddresses addresses, Span<byte> destination)
    {
        var v4 = IsV4(addresses);
        var at = Append(v4 ? "PROXY TCP4 "u8 : "PROXY TCP6 "u8, destination, 0);
        at = AppendAddress(addresses.Source, v4, destination, at);
        at = AppendAddress(addresses.Destination, v4, destination, at);
        addresses.SourcePort.TryFormat(destination[at..], out var digits);
        at = Append(" "u8, destination, at + digits);
        addresses.DestinationPort.TryFormat(destination[at..], out digits);
        return Append("\r\n"u8, destination, at + digits);
    }

    /// <summary>A header of version 2, command PROXY, with the TLVs that are not empty; returns its length.</summary>
    /// <param name="addresses">Both ends.</param>
    /// <param name="words">What else to say.</param>
    /// <param name="crc32C">Adds the checksum.</param>
    /// <param name="destination">Where to.</param>
    public static int WriteV2(in ProxyAddresses addresses, scoped ProxyWords words, bool crc32C, Span<byte> destination)
    {
        var v4 = IsV4(addresses);
        var at = Begin(destination, command: 1, family: v4 ? (byte)0x11 : (byte)0x21);
        at = AppendBytes(addresses.Source, v4, destination, at);
        at = AppendBytes(addresses.Destination, v4, destination, at);
        BinaryPrimitives.WriteUInt16BigEndian(destination[at..], addresses.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(destination[(at + 2)..], addresses.DestinationPort);
        at = AppendTlv(ProxyTlvs.Alpn, words.Alpn, destination, at + 4);
        at = AppendTlv(ProxyTlvs.Authority, words.Authority, destination, at);
        at = AppendTlv(ProxyTlvs.UniqueId, words.UniqueId, destination, at);
        if (words.HasSsl)
        {
            at = AppendSsl(words, destination, at);
        }

        return End(crc32C, destination, at);
    }

    /// <summary><c>struct pp2_tlv_ssl</c> (§2.2.6).</summary>
    private static int AppendSsl(scoped ProxyWords words, Span<byte> destination, int at)
    {
        const int Head = 3;
        var start = at;
        destination[at] = ProxyTlvs.Ssl;
        destination[at + Head] = (byte)words.Client;
        BinaryPrimitives.WriteUInt32BigEndian(destination[(at + Head + 1)..], words.Verify);
        at = AppendTlv(ProxyTlvs.SslVersion, words.SslVersion, destination, at + Head + 5);
        at = AppendTlv(ProxyTlvs.SslCommonName, words.SslCommonName, destination, at);
        at = AppendTlv(ProxyTlvs.SslCipher, words.SslCipher, destination, at);
        BinaryPrimitives.WriteUInt16BigEndian(destination[(start + 1)..], (ushort)(at - start - Head));
        return at;
    }

    /// <summary>A header of version 2, command LOCAL: the gateway speaks for itself, as in a health check; returns its length, 16.</summary>
    public static int WriteLocal(Span<byte> destination) => End(crc32C: false, destination, Begin(destination, command: 0, family: 0));

    /// <summary>The line of version 1 for what is nobody's connection, as in a health check; returns its length.</summary>
    public static int WriteUnknown(Span<byte> destination) => Append("PROXY UNKNOWN\r\n"u8, destination, 0);

    private static bool IsV4(in ProxyAddresses addresses) => addresses.Source.IsIPv4 && addresses.Destination.IsIPv4;

    private static int Begin(Span<byte> destination, byte command, byte family)
    {
        Append("\r\n\r\n\0\r\nQUIT\n"u8, destination, 0);
        destination[12] = (byte)(0x20 | command);
        destination[13] = family;
        return Fixed;
    }

    private static int End(bool crc32C, Span<byte> destination, int at)
    {
        var sumAt = at + 3;
        if (crc32C)
        {
            at = AppendTlv(ProxyTlvs.Crc32C, [0, 0, 0, 0], destination, at);
        }

        BinaryPrimitives.WriteUInt16BigEndian(destination[14..], (ushort)(at - Fixed));
        if (crc32C)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination[sumAt..], ProxyHeaderParser.Sum(destination[..at], sumAt));
        }

        return at;
    }

    private static int AppendTlv(byte type, ReadOnlySpan<byte> value, Span<byte> destination, int at)
    {
        if (value.IsEmpty)
        {
            return at;
        }

        destination[at] = type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[(at + 1)..], (ushort)value.Length);
        return Append(value, destination, at + 3);
    }

    private static int AppendBytes(NetworkAddress address, bool v4, Span<byte> destination, int at)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, address);
        return Append(v4 ? bytes[12..] : bytes, destination, at);
    }

    private static int AppendAddress(NetworkAddress address, bool v4, Span<byte> destination, int at)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, address);
        if (v4)
        {
            for (var i = 12; i < 16; i++)
            {
                bytes[i].TryFormat(destination[at..], out var digits);
                at = Append(i < 15 ? "."u8 : " "u8, destination, at + digits);
            }

            return at;
        }

        // Without "::" it is still a valid address, and needs no object.
        for (var i = 0; i < 16; i += 2)
        {
            BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]).TryFormat(destination[at..], out var digits, "x");
            at = Append(i < 14 ? ":"u8 : " "u8, destination, at + digits);
        }

        return at;
    }

    private static int Append(ReadOnlySpan<byte> bytes, Span<byte> destination, int at)
    {
        bytes.CopyTo(destination[at..]);
        return at + bytes.Length;
    }
}
