using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>What a router on the way would tell of a datagram, on loopback. Needs CAP_NET_RAW.</summary>
internal static class Icmp
{
    /// <summary>Null: it can be told here.</summary>
    public static string? WhyNot { get; } = Try();

    /// <summary>RFC 792, type 3, code 4: a datagram from one port to another was too large for the next hop.</summary>
    public static void FragmentationNeeded(int from, int to, ushort nextHop)
    {
        var message = new byte[8 + 20 + 8];
        (message[0], message[1]) = (3, 4);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), nextHop);
        var datagram = message.AsSpan(8);
        // IPv4 header: version and length, total length, time to live, protocol, addresses.
        datagram[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(datagram[2..], 1500);
        (datagram[8], datagram[9]) = (64, 17);
        IPAddress.Loopback.GetAddressBytes().CopyTo(datagram[12..]);
        IPAddress.Loopback.GetAddressBytes().CopyTo(datagram[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[20..], (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[22..], (ushort)to);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[24..], 1480);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), Checksum(message));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp);
        socket.SendTo(message, new IPEndPoint(IPAddress.Loopback, 0)).ShouldBe(message.Length);
    }

    private static ushort Checksum(ReadOnlySpan<byte> message)
    {
        var sum = 0;
        for (var i = 0; i < message.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(message[i..]);
        }

        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private static string? Try()
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp);
            return null;
        }
        catch (SocketException error)
        {
            return $"no ICMP messages can be sent here: {error.Message}";
        }
    }
}

/// <summary>A test that sends ICMP messages; skipped, and counted as such, where that is not allowed.</summary>
public sealed class IcmpFactAttribute : FactAttribute
{
    public IcmpFactAttribute() => Skip = Icmp.WhyNot;
}
