using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>An IP address in 16 bytes, IPv4 as its IPv4-mapped IPv6 form, in network order; no reference, so it fits native memory.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly record struct NetworkAddress(ulong High, ulong Low)
{
    /// <summary>::ffff:0:0/96, as the first 4 bytes of <see cref="Low"/> in memory.</summary>
    private const uint MappedPrefix = 0x0000_FFFF;

    public bool IsIPv4 => High == 0 && BinaryPrimitives.ReverseEndianness((uint)Low) == MappedPrefix;

    /// <summary>127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => IsIPv4 ? (byte)(Low >> 32) == 127 : High == 0 && Low == 1ul << 56;

    /// <summary>
    /// What counts as one client: an IPv4 address, or an IPv6 /64, which is what one customer is usually given. The two cannot
    /// collide: the key of an IPv4 address is a prefix in 0000::/8, from which no IPv6 client comes.
    /// </summary>
    public ulong ClientKey => IsIPv4 ? BinaryPrimitives.ReverseEndianness(Low) : BinaryPrimitives.ReverseEndianness(High);

    /// <summary>An IPv4 address by its four bytes as they lie in memory.</summary>
    public static NetworkAddress FromIPv4(uint bytes) => new(0, ((ulong)bytes << 32) | 0xFFFF_0000);

    public static NetworkAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        (address.AddressFamily == AddressFamily.InterNetwork ? address.MapToIPv6() : address).TryWriteBytes(bytes, out _);
        return MemoryMarshal.Read<NetworkAddress>(bytes);
    }

    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, this);
        return IsIPv4 ? new IPAddress(bytes[12..]) : new IPAddress(bytes);
    }

    public override string ToString() => ToIPAddress().ToString();
}
