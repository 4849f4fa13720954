using System.Runtime.InteropServices;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

// Values of Linux on x86-64 and arm64 (include/uapi).

internal static class UdpLevel
{
    public const int Ip = 0;
    public const int Udp = 17;
    public const int IPv6 = 41;
}

internal static class UdpOption
{
    public const int PacketInfo = 8;
    public const int ReceiveErrors = 11;
    public const int ReceiveErrors6 = 25;
    public const int ReceivePacketInfo6 = 49;
    public const int PacketInfo6 = 50;
    public const int Segment = 103;
    public const int Gro = 104;
    public const int SocketType = 3;
    public const int ReusePort = 15;
    public const int MemoryInfo = 55;
    public const int Cookie = 57;
}

internal static class MessageFlag
{
    public const int Truncated = 0x20;
    public const int DontWait = 0x40;
    public const int ErrorQueue = 0x2000;
}

internal static class UdpErrno
{
    public const int EIO = 5;
    public const int EMSGSIZE = 90;
    public const int ENETUNREACH = 101;
    public const int EHOSTDOWN = 112;
    public const int EHOSTUNREACH = 113;

    /// <summary>What says that nobody is there: the ICMP messages that a connected UDP socket hears of (icmp(7)), or the route.</summary>
    public static bool IsUnreachable(int error) => error is Errno.ECONNREFUSED or EHOSTUNREACH or ENETUNREACH or EHOSTDOWN;
}

/// <summary><c>struct iovec</c>.</summary>
internal unsafe struct IoVector
{
    public byte* Base;
    public nuint Length;
}

/// <summary><c>struct mmsghdr</c> of a 64-bit system.</summary>
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

    /// <summary>Bytes received or sent.</summary>
    [FieldOffset(56)]
    public uint Length;
}

/// <summary>The calls for many datagrams at once.</summary>
internal static unsafe partial class DatagramCalls
{
    [LibraryImport("libc", EntryPoint = "recvmmsg"), SuppressGCTransition]
    public static partial int ReceiveMany(int socket, MessageHeader* messages, uint count, int flags, void* timeout);

    [LibraryImport("libc", EntryPoint = "sendmmsg"), SuppressGCTransition]
    public static partial int SendMany(int socket, MessageHeader* messages, uint count, int flags);

    [LibraryImport("libc", EntryPoint = "sendmsg"), SuppressGCTransition]
    public static partial nint SendMessage(int socket, MessageHeader* message, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg"), SuppressGCTransition]
    public static partial nint ReceiveMessage(int socket, MessageHeader* message, int flags);
}
