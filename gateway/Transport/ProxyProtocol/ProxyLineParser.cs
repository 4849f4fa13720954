namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>Reads the line of version 1 (proxy-protocol.txt §2.1). Pure; allocates nothing and never throws.</summary>
internal static class ProxyLineParser
{
    /// <summary>Reads a line that begins with <c>P</c>.</summary>
    public static ProxyParse Parse(ReadOnlySpan<byte> data, ref ProxyHeader header)
    {
        var prefix = "PROXY "u8;
        var same = data.CommonPrefixLength(prefix);
        if (same < prefix.Length)
        {
            return same == data.Length ? ProxyParse.NeedMore : ProxyParse.Error(same, "no PROXY header");
        }

        var line = data[..Math.Min(data.Length, ProxyHeader.MaxV1Bytes)];
        var end = line.IndexOf((byte)'\r');
        if (end < 0)
        {
            return line.Length < ProxyHeader.MaxV1Bytes
                ? ProxyParse.NeedMore
                : ProxyParse.Error(ProxyHeader.MaxV1Bytes, "a line of more than 107 bytes");
        }

        if (end + 1 == line.Length)
        {
            return line.Length < ProxyHeader.MaxV1Bytes
                ? ProxyParse.NeedMore
                : ProxyParse.Error(ProxyHeader.MaxV1Bytes, "a line of more than 107 bytes");
        }

        if (line[end + 1] != '\n')
        {
            return ProxyParse.Error(end + 1, "CR without LF");
        }

        header.Version = 1;
        header.Length = end + 2;
        return ReadFields(data[..end], ref header);
    }

    private static ProxyParse ReadFields(ReadOnlySpan<byte> line, ref ProxyHeader header)
    {
        var at = 6;
        var protocol = Next(line, ref at);
        if (protocol.SequenceEqual("UNKNOWN"u8))
        {
            // What follows is to be ignored.
            return ProxyParse.Complete;
        }

        var v4 = protocol.SequenceEqual("TCP4"u8);
        if (!v4 && !protocol.SequenceEqual("TCP6"u8))
        {
            return ProxyParse.Error(6, "a protocol other than TCP4, TCP6 and UNKNOWN");
        }

        var start = at;
        if (!TryAddress(Next(line, ref at), v4, out header.Source))
        {
            return ProxyParse.Error(start, "the source is no address of the protocol");
        }

        start = at;
        if (!TryAddress(Next(line, ref at), v4, out header.Destination))
        {
            return ProxyParse.Error(start, "the destination is no address of the protocol");
        }

        start = at;
        if (!TryPort(Next(line, ref at), out header.SourcePort))
        {
            return ProxyParse.Error(start, "the source's port is none");
        }

        start = at;
        if (!TryPort(Next(line, ref at), out header.DestinationPort))
        {
            return ProxyParse.Error(start, "the destination's port is none");
        }

        if (at <= line.Length)
        {
            return ProxyParse.Error(at - 1, "more than the destination's port");
        }

        header.HasAddresses = true;
        return ProxyParse.Complete;
    }

    /// <summary>The bytes up to the next space, or the end; <paramref name="at"/> is behind the space then, or beyond the end.</summary>
    private static ReadOnlySpan<byte> Next(ReadOnlySpan<byte> line, ref int at)
    {
        if (at > line.Length)
        {
            return [];
        }

        var rest = line[at..];
        var space = rest.IndexOf((byte)' ');
        var word = space < 0 ? rest : rest[..space];
        at += word.Length + 1;
        return word;
    }

    private static bool TryAddress(ReadOnlySpan<byte> text, bool v4, out NetworkAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        address = default;
        if (v4)
        {
            if (!AddressText.TryParseIPv4(text, bytes))
            {
                return false;
            }

            address = NetworkAddress.FromIPv4(BitConverter.ToUInt32(bytes));
            return true;
        }

        if (!AddressText.TryParseIPv6(text, bytes))
        {
            return false;
        }

        address = System.Runtime.InteropServices.MemoryMarshal.Read<NetworkAddress>(bytes);
        return true;
    }

    /// <summary>0 to 65535 in decimal without leading zeros.</summary>
    private static bool TryPort(ReadOnlySpan<byte> text, out ushort port)
    {
        port = 0;
        if (text.Length is 0 or > 5 || (text.Length > 1 && text[0] == '0'))
        {
            return false;
        }

        var value = 0;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit((char)digit))
            {
                return false;
            }

            value = (value * 10) + digit - '0';
        }

        port = (ushort)value;
        return value <= ushort.MaxValue;
    }
}
