using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Contracts.Text;

/// <summary>Addresses and networks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3). Pure and thread-safe.</summary>
/// <remarks>Stricter than <see cref="IPAddress.TryParse(string, out IPAddress)"/>, to which <c>65</c> is 0.0.0.65 and <c>010.0.0.1</c> is 8.0.0.1.</remarks>
public static class Networks
{
    /// <summary>What is taken, for an error.</summary>
    public const string Meaning = "an address or a network such as 10.0.0.0/8";

    /// <summary>Parses an address, which is a network of one, or a network. Whether bits behind the prefix are set is not looked at.</summary>
    /// <param name="text">Such as <c>10.0.0.0/8</c>, <c>fd00::/8</c> or <c>10.1.2.3</c>.</param>
    /// <param name="address">What is in front of the slash.</param>
    /// <param name="bits">Length of the prefix: 0 to 32 or 128.</param>
    /// <returns>False where it is neither.</returns>
    public static bool TryParse(string text, out IPAddress address, out int bits)
    {
        bits = 0;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!TryParseAddress(slash < 0 ? text : text[..slash], out address))
        {
            return false;
        }

        bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        return slash < 0
            || (
                int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
                && given <= bits
                && (given == 0 || text[slash + 1] != '0')
                && (bits = given) >= 0
            );
    }

    /// <summary>As <see cref="TryParse"/>, with no bits set behind the prefix: a slip, more often than not.</summary>
    public static bool IsNetwork(string text) =>
        TryParse(text, out var address, out var bits)
        && IPNetwork.TryParse($"{address}/{bits}", out var network)
        && network.BaseAddress.Equals(address);

    // Four numbers without leading zeros, or IPv6 without brackets, zone and port.
    private static bool TryParseAddress(string text, out IPAddress address)
    {
        var isV6 = text.Contains(':', StringComparison.Ordinal);
        if (
            !text.All(static c => char.IsAsciiHexDigit(c) || c is '.' or ':')
            || (!isV6 && (text.Split('.') is not { Length: 4 } parts || parts.Any(static part => part.Length > 1 && part[0] == '0')))
            || !IPAddress.TryParse(text, out var parsed)
        )
        {
            address = IPAddress.None;
            return false;
        }

        address = parsed;
        return true;
    }
}
