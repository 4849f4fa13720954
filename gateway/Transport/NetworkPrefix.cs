using System.Buffers.Binary;
using System.Net.Sockets;
using Mooring.Contracts.Text;

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
        if (!Networks.TryParse(text, out var address, out var bits))
        {
            error = $"'{text}' is not {Networks.Meaning}";
            return false;
        }

        prefix = new NetworkPrefix(
            NetworkAddress.From(address),
            address.AddressFamily == AddressFamily.InterNetwork ? bits + MappedBits : bits
        );
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
