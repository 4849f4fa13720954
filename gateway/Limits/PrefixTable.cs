// Hot path: per connection, where it is used.
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Limits;

/// <summary>Connections at most from one network.</summary>
/// <param name="Connections">At least 1.</param>
/// <param name="Ipv4Bits">8 to 32.</param>
/// <param name="Ipv6Bits">16 to 64.</param>
internal sealed record PrefixLimit(int Connections, int Ipv4Bits, int Ipv6Bits);

/// <summary>Open connections by network, for one pair of prefix lengths. Thread-safe.</summary>
internal sealed class PrefixTable(int ipv4Bits, int ipv6Bits)
{
    private readonly AddressTable _counts = new();

    /// <summary>Networks with an open connection.</summary>
    public int Count => _counts.Count;

    public bool Matches(PrefixLimit limit) => limit.Ipv4Bits == ipv4Bits && limit.Ipv6Bits == ipv6Bits;

    /// <summary>Counts one more. False, changing nothing, when the network has <paramref name="limit"/> already; 0: no limit.</summary>
    public bool TryAcquire(NetworkAddress address, int limit) => _counts.TryAcquire(Key(address), limit);

    public void Release(NetworkAddress address) => _counts.Release(Key(address));

    // A client's key is its IPv4 address in the lowest 32 bits, or the first 64 of its IPv6 address.
    private ulong Key(NetworkAddress address) =>
        address.ClientKey & (address.IsIPv4 ? ulong.MaxValue << (32 - ipv4Bits) : ulong.MaxValue << (64 - ipv6Bits));
}
