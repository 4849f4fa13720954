using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Transport;

/// <summary>A network, as in <c>10.0.0.0/8</c> or <c>fd00::/8</c>; an address alone is a network of one.</summary>
/// <param name="Address">Its first address.</param>
/// <param name="Bits">Length of the prefix in the IPv6 form: 0 to 128.</param>
internal readonly record struct NetworkPrefix(NetworkAddress Address, int Bits)
{
    private const int MappedBits = 96;

    /// <summary>Parses CIDR notation. False, and why not, for anything else, and where bits beyond the prefix are set.</summary>
    public static bool TryParse(string text, out NetworkPrefix prefix, out string? error)
    {
        prefix = default;
        error = null;
        var slash = text.IndexOf('/');
        var host = slash < 0 ? text : text[..slash];
        if (
            !IPAddress.TryParse(host, out var address)
            || host.Contains('%')
            || (address.AddressFamily == AddressFamily.InterNetwork && host.Count(c => c == '.') != 3)
        )
        {
            error = $"'{text}' is not an address or a network such as 10.0.0.0/8";
            return false;
        }

        var v4 = address.AddressFamily == AddressFamily.InterNetwork;
        var most = v4 ? 32 : 128;
        var bits = most;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), System.Globalization.NumberStyles.None, null, out bits) || bits > most))
        {
            error = $"'{text}': the prefix must be 0 to {most} bits";
            return false;
        }

        prefix = new NetworkPrefix(NetworkAddress.From(address), v4 ? bits + MappedBits : bits);
        if (prefix.Masked(prefix.Address) != prefix.Address)
        {
            error = $"'{text}' has bits set behind its prefix";
            return false;
        }

        return true;
    }

    public bool Contains(NetworkAddress address) => Masked(address) == Address;

    /// <summary>The network of this length that an address is in.</summary>
    private NetworkAddress Masked(NetworkAddress address) =>
        new(address.High & Mask(Math.Min(Bits, 64)), address.Low & Mask(Math.Max(Bits - 64, 0)));

    // The halves are in network order: the mask's bytes are swapped to match.
    private static ulong Mask(int bits) => bits == 0 ? 0 : BinaryPrimitives.ReverseEndianness(ulong.MaxValue << (64 - bits));
}
