using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>Reads PROXY protocol headers (HAProxy's proxy-protocol.txt, revision of 2020). Pure; allocates nothing and never throws.</summary>
internal static class ProxyHeaderParser
{
    private const int V2Fixed = 16;
    private const int Inet = 1;
    private const int Inet6 = 2;
    private const int Unix = 3;
    private const int Stream = 1;

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <summary>Looks at what has come so far, from the connection's first byte.</summary>
    /// <param name="data">May hold more than the header.</param>
    /// <param name="versions">Versions that are taken; another is an error.</param>
    /// <param name="maxBytes">A longer header is an error as soon as its length is known.</param>
    /// <param name="header">The header, when the status is <see cref="ProxyStatus.Complete"/>.</param>
    public static ProxyParse Parse(ReadOnlySpan<byte> data, ProxyVersions versions, int maxBytes, out ProxyHeader header)
    {
        header = default;
        if (data.IsEmpty)
        {
            return ProxyParse.NeedMore;
        }

        return data[0] switch
        {
            (byte)'P' when versions.HasFlag(ProxyVersions.V1) => ProxyLineParser.Parse(data, ref header),
            (byte)'\r' when versions.HasFlag(ProxyVersions.V2) => ParseV2(data, maxBytes, ref header),
            _ => ProxyParse.Error(0, "no PROXY header"),
        };
    }

    private static ProxyParse ParseV2(ReadOnlySpan<byte> data, int maxBytes, ref ProxyHeader header)
    {
        var same = data.CommonPrefixLength(Signature);
        if (same < Signature.Length)
        {
            return same == data.Length ? ProxyParse.NeedMore : ProxyParse.Error(same, "no PROXY header");
        }

        if (data.Length > 12 && data[12] >> 4 != 2)
        {
            return ProxyParse.Error(12, "a version other than 2");
        }

        if (data.Length > 12 && (data[12] & 15) > 1)
        {
            return ProxyParse.Error(12, "a command other than LOCAL and PROXY");
        }

        if (data.Length < V2Fixed)
        {
            return ProxyParse.NeedMore;
        }

        var length = V2Fixed + BinaryPrimitives.ReadUInt16BigEndian(data[14..]);
        if (length > maxBytes)
        {
            return ProxyParse.Error(14, "longer than is taken");
        }

        header.Version = 2;
        header.Length = length;
        header.IsLocal = (data[12] & 15) == 0;
        var (family, transport) = (data[13] >> 4, data[13] & 15);
        if (!header.IsLocal && (family > Unix || transport > 2))
        {
            return ProxyParse.Error(13, "an address family or transport that is reserved");
        }

        if (data.Length < length)
        {
            return ProxyParse.NeedMore;
        }

        // The block of a LOCAL header is to be dropped unread (§2.2).
        return header.IsLocal ? ProxyParse.Complete : ReadBlock(data[..length], family, transport, ref header);
    }

    private static ProxyParse ReadBlock(ReadOnlySpan<byte> data, int family, int transport, ref ProxyHeader header)
    {
        var addresses = family switch
        {
            Inet => 12,
            Inet6 => 36,
            Unix => 216,
            _ => 0,
        };
        if (data.Length < V2Fixed + addresses)
        {
            return ProxyParse.Error(14, "shorter than its addresses");
        }

        if (transport == Stream && family is Inet or Inet6)
        {
            ReadAddresses(data[V2Fixed..], family == Inet, ref header);
        }

        return ReadTlvs(data, V2Fixed + addresses, ref header.Tlvs);
    }

    private static void ReadAddresses(ReadOnlySpan<byte> block, bool v4, ref ProxyHeader header)
    {
        header.HasAddresses = true;
        var size = v4 ? 4 : 16;
        header.Source = Address(block, v4);
        header.Destination = Address(block[size..], v4);
        header.SourcePort = BinaryPrimitives.ReadUInt16BigEndian(block[(2 * size)..]);
        header.DestinationPort = BinaryPrimitives.ReadUInt16BigEndian(block[((2 * size) + 2)..]);
    }

    private static NetworkAddress Address(ReadOnlySpan<byte> bytes, bool v4) =>
        v4 ? NetworkAddress.FromIPv4(MemoryMarshal.Read<uint>(bytes)) : MemoryMarshal.Read<NetworkAddress>(bytes);

    private static ProxyParse ReadTlvs(ReadOnlySpan<byte> data, int start, ref ProxyTlvs tlvs)
    {
        var at = start;
        while (at < data.Length)
        {
            if (data.Length - at < 3)
            {
                return ProxyParse.Error(at, "a TLV is cut off");
            }

            var type = data[at];
            var length = (int)BinaryPrimitives.ReadUInt16BigEndian(data[(at + 1)..]);
            if (length > data.Length - at - 3)
            {
                return ProxyParse.Error(at + 1, "a TLV is longer than the header");
            }

            var result = ReadTlv(data, at, type, new ProxyRange(at + 3, length), ref tlvs);
            if (result.Status == ProxyStatus.Error)
            {
                return result;
            }

            at += 3 + length;
        }

        return ProxyParse.Complete;
    }

    private static ProxyParse ReadTlv(ReadOnlySpan<byte> data, int at, byte type, ProxyRange value, ref ProxyTlvs tlvs)
    {
        switch (type)
        {
            case ProxyTlvs.Alpn:
                return Text(at, value, ProxyTlvs.MaxText, ref tlvs.AlpnRange);
            case ProxyTlvs.Authority:
                return Text(at, value, ProxyTlvs.MaxAuthority, ref tlvs.AuthorityRange);
            case ProxyTlvs.UniqueId:
                return Text(at, value, ProxyTlvs.MaxUniqueId, ref tlvs.UniqueIdRange);
            case ProxyTlvs.Crc32C:
                return CheckSum(data, at, value);
            case ProxyTlvs.Ssl:
                return ReadSsl(data, at, value, ref tlvs);
            default:
                return ProxyParse.Complete;
        }
    }

    private static ProxyParse Text(int at, ProxyRange value, int longest, ref ProxyRange target)
    {
        if (value.Length > longest)
        {
            return ProxyParse.Error(at + 1, "a TLV is longer than its kind may be");
        }

        target = value;
        return ProxyParse.Complete;
    }

    /// <summary><c>struct pp2_tlv_ssl</c>: a byte of flags, four of the verification's result, TLVs (§2.2.6).</summary>
    private static ProxyParse ReadSsl(ReadOnlySpan<byte> data, int at, ProxyRange value, ref ProxyTlvs tlvs)
    {
        if (value.Length < 5)
        {
            return ProxyParse.Error(at + 1, "an SSL TLV is shorter than its fixed part");
        }

        tlvs.SslRange = value;
        tlvs.Secure = (data[value.Start] & 1) != 0;
        var end = value.Start + value.Length;
        var inner = value.Start + 5;
        while (inner < end)
        {
            var length = end - inner < 3 ? -1 : BinaryPrimitives.ReadUInt16BigEndian(data[(inner + 1)..]);
            if (length < 0 || length > end - inner - 3)
            {
                return ProxyParse.Error(inner, "a TLV inside the SSL TLV is cut off");
            }

            var range = new ProxyRange(inner + 3, length);
            if (data[inner] is ProxyTlvs.SslVersion or ProxyTlvs.SslCommonName)
            {
                ref var target = ref data[inner] == ProxyTlvs.SslVersion ? ref tlvs.SslVersionRange : ref tlvs.SslCommonNameRange;
                if (Text(inner, range, ProxyTlvs.MaxText, ref target) is { Status: ProxyStatus.Error } error)
                {
                    return error;
                }
            }

            inner += 3 + length;
        }

        return ProxyParse.Complete;
    }

    /// <summary>Over the whole header, with the sum itself as zeros (§2.2.3).</summary>
    private static ProxyParse CheckSum(ReadOnlySpan<byte> data, int at, ProxyRange value)
    {
        if (value.Length != 4)
        {
            return ProxyParse.Error(at + 1, "a CRC32c TLV is not of 4 bytes");
        }

        return BinaryPrimitives.ReadUInt32BigEndian(value.Of(data)) == Sum(data, value.Start)
            ? ProxyParse.Complete
            : ProxyParse.Error(value.Start, "the CRC32c is wrong");
    }

    /// <summary>CRC32c of a header as if the four bytes at <paramref name="sumAt"/> were zero.</summary>
    internal static uint Sum(ReadOnlySpan<byte> header, int sumAt)
    {
        var crc = uint.MaxValue;
        for (var i = 0; i < header.Length; i++)
        {
            crc = BitOperations.Crc32C(crc, i >= sumAt && i < sumAt + 4 ? (byte)0 : header[i]);
        }

        return ~crc;
    }
}
