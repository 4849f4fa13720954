namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>IP addresses in text, as <c>inet_pton(3)</c> takes them. Pure; allocates nothing.</summary>
internal static class AddressText
{
    /// <summary>Four decimal numbers of 0 to 255 without leading zeros.</summary>
    /// <param name="text">The whole address.</param>
    /// <param name="bytes">Gets 4 bytes in network order.</param>
    public static bool TryParseIPv4(ReadOnlySpan<byte> text, Span<byte> bytes)
    {
        var at = 0;
        for (var part = 0; part < 4; part++)
        {
            if (part > 0 && (at >= text.Length || text[at++] != '.'))
            {
                return false;
            }

            var start = at;
            var value = 0;
            while (at < text.Length && at - start < 3 && char.IsAsciiDigit((char)text[at]))
            {
                value = (value * 10) + text[at++] - '0';
            }

            if (at == start || value > 255 || (at - start > 1 && text[start] == '0'))
            {
                return false;
            }

            bytes[part] = (byte)value;
        }

        return at == text.Length;
    }

    /// <summary>RFC 4291 §2.2: groups, <c>::</c>, and a tail of IPv4; no scope, no brackets.</summary>
    /// <param name="text">The whole address.</param>
    /// <param name="bytes">Gets 16 bytes in network order; cleared before by the caller.</param>
    public static bool TryParseIPv6(ReadOnlySpan<byte> text, Span<byte> bytes)
    {
        if (text.Length is < 2 or > 45)
        {
            return false;
        }

        var (at, filled, gap) = (0, 0, -1);
        if (text[0] == ':')
        {
            if (text[1] != ':')
            {
                return false;
            }

            (at, gap) = (2, 0);
        }

        while (at < text.Length)
        {
            var start = at;
            var value = 0;
            while (at < text.Length && char.IsAsciiHexDigit((char)text[at]))
            {
                value = (value << 4) | Convert(text[at++]);
                if (at - start > 4)
                {
                    return false;
                }
            }

            if (at < text.Length && text[at] == '.')
            {
                if (filled > 12 || !TryParseIPv4(text[start..], bytes[filled..]))
                {
                    return false;
                }

                (at, filled) = (text.Length, filled + 4);
                break;
            }

            if (at == start || filled > 14)
            {
                return false;
            }

            bytes[filled++] = (byte)(value >> 8);
            bytes[filled++] = (byte)value;
            if (at == text.Length)
            {
                break;
            }

            if (text[at++] != ':' || at == text.Length)
            {
                return false;
            }

            if (text[at] == ':')
            {
                if (gap >= 0)
                {
                    return false;
                }

                (gap, at) = (filled, at + 1);
            }
        }

        return Spread(bytes, filled, gap);
    }

    /// <summary>Moves what follows the gap to the end. A gap stands for one group at least.</summary>
    private static bool Spread(Span<byte> bytes, int filled, int gap)
    {
        if (gap < 0)
        {
            return filled == 16;
        }

        if (filled > 14)
        {
            return false;
        }

        var tail = filled - gap;
        bytes.Slice(gap, tail).CopyTo(bytes[(16 - tail)..]);
        bytes[gap..(16 - tail)].Clear();
        return true;
    }

    private static int Convert(byte digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
