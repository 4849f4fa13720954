using System.Runtime.InteropServices;

namespace Mooring.Benchmarks.Udp;

/// <summary>The calls of libc that the load of datagrams is made of, on IPv4.</summary>
internal static unsafe partial class UdpNative
{
    public const int SockDgram = 2;
    public const int SolUdp = 17;
    public const int UdpSegment = 103;
    public const int UdpGro = 104;
    public const int SoReceiveBuffer = 8;
    public const int SoSendBuffer = 7;
    public const int DontWait = 0x40;
    public const int ControlBytes = 24;

    [LibraryImport("libc", EntryPoint = "recvmmsg", SetLastError = true)]
    public static partial int ReceiveMany(int socket, MessageHeader* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc", EntryPoint = "sendmmsg", SetLastError = true)]
    public static partial int SendMany(int socket, MessageHeader* messages, uint count, int flags);

    /// <summary>Says how large the datagrams of a bundle are.</summary>
    public static void WriteSegment(byte* control, int bytes)
    {
        *(nuint*)control = 18;
        *(int*)(control + 8) = SolUdp;
        *(int*)(control + 12) = UdpSegment;
        *(ulong*)(control + 16) = (ushort)bytes;
    }

    /// <summary>Bytes of each datagram of a received bundle; 0 where it is a single one.</summary>
    public static int ReadSegment(MessageHeader header) =>
        header.ControlLength >= 20 && *(int*)(header.Control + 8) == SolUdp && *(int*)(header.Control + 12) == UdpGro
            ? *(int*)(header.Control + 16)
            : 0;
}

internal unsafe struct IoVector
{
    public byte* Base;
    public nuint Length;
}

/// <summary><c>struct mmsghdr</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal unsafe struct MessageHeader
{
    [FieldOffset(0)]
    public byte* Name;

    [FieldOffset(8)]
    public uint NameLength;

    [FieldOffset(16)]
    public IoVector* Vectors;

    [FieldOffset(24)]
    public nuint VectorCount;

    [FieldOffset(32)]
    public byte* Control;

    [FieldOffset(40)]
    public nuint ControlLength;

    [FieldOffset(48)]
    public int Flags;

    [FieldOffset(56)]
    public uint Length;
}
