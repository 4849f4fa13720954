// Hot path: every datagram. See tests/benchmarks.
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Reads and writes the control messages (cmsg(3)) of datagrams: the local address and the size of a bundle's datagrams.</summary>
internal static unsafe class ControlMessages
{
    /// <summary>Room for all that the kernel is asked to tell or is told.</summary>
    public const int MaxBytes = 96;

    /// <summary>Bytes that <see cref="WriteSegment"/> takes.</summary>
    public const int SegmentBytes = HeaderBytes + 8;

    private const int HeaderBytes = 16;

    /// <summary>Reads what came with a datagram; each is left as it is where the kernel said nothing of it.</summary>
    /// <param name="control">The control messages.</param>
    /// <param name="length">Their bytes.</param>
    /// <param name="local">The address that the client sent to.</param>
    /// <param name="segment">Bytes of each datagram of a bundle but the last.</param>
    public static void Read(byte* control, nuint length, ref NetworkAddress local, ref int segment)
    {
        for (nuint at = 0; at + HeaderBytes <= length; )
        {
            var size = *(nuint*)(control + at);
            if (size < HeaderBytes || size > length - at)
            {
                return;
            }

            var data = control + at + HeaderBytes;
            switch (*(int*)(control + at + 8), *(int*)(control + at + 12))
            {
                case (UdpLevel.Udp, UdpOption.Gro):
                    segment = *(int*)data;
                    break;
                case (UdpLevel.Ip, UdpOption.PacketInfo):
                    // struct in_pktinfo: interface, the address to answer from, the address in the header.
                    local = new NetworkAddress(0, ((ulong)*(uint*)(data + 4) << 32) | 0xFFFF_0000);
                    break;
                case (UdpLevel.IPv6, UdpOption.PacketInfo6):
                    local = new NetworkAddress(*(ulong*)data, *(ulong*)(data + 8));
                    break;
            }

            at += (size + 7) & ~(nuint)7;
        }
    }

    /// <summary>Says how large the datagrams are that the kernel is to cut the message into. Returns the bytes written.</summary>
    public static nuint WriteSegment(byte* control, int segment)
    {
        *(nuint*)control = HeaderBytes + sizeof(ushort);
        *(int*)(control + 8) = UdpLevel.Udp;
        *(int*)(control + 12) = UdpOption.Segment;
        *(ulong*)(control + HeaderBytes) = (ushort)segment;
        return SegmentBytes;
    }

    /// <summary>Says which address to send from. Returns the bytes written.</summary>
    /// <param name="control">Where to.</param>
    /// <param name="local">The address.</param>
    /// <param name="family">Of the socket. One of IPv6 takes an IPv4 address in its mapped form.</param>
    public static nuint WriteLocal(byte* control, in NetworkAddress local, int family)
    {
        if (family == SocketFlag.Inet)
        {
            *(nuint*)control = HeaderBytes + 12;
            *(int*)(control + 8) = UdpLevel.Ip;
            *(int*)(control + 12) = UdpOption.PacketInfo;
            *(int*)(control + 16) = 0;
            *(uint*)(control + 20) = (uint)(local.Low >> 32);
            *(ulong*)(control + 24) = 0;
            return HeaderBytes + 16;
        }

        *(nuint*)control = HeaderBytes + 20;
        *(int*)(control + 8) = UdpLevel.IPv6;
        *(int*)(control + 12) = UdpOption.PacketInfo6;
        *(ulong*)(control + 16) = local.High;
        *(ulong*)(control + 24) = local.Low;
        *(ulong*)(control + 32) = 0;
        return HeaderBytes + 24;
    }
}
