using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

// Values of Linux on x86-64 and arm64 (include/uapi), which agree on all of these.

internal static class Errno
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;
    public const int ENOMEM = 12;
    public const int EEXIST = 17;
    public const int EINVAL = 22;
    public const int ENFILE = 23;
    public const int EMFILE = 24;
    public const int EPIPE = 32;
    public const int EAFNOSUPPORT = 97;
    public const int EADDRINUSE = 98;
    public const int EADDRNOTAVAIL = 99;
    public const int ECONNABORTED = 103;
    public const int ECONNRESET = 104;
    public const int ENOBUFS = 105;
    public const int ENOTCONN = 107;
    public const int ETIMEDOUT = 110;
    public const int ECONNREFUSED = 111;
    public const int EINPROGRESS = 115;

    /// <summary>The kernel's own short text, such as <c>Address already in use</c>.</summary>
    public static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);
}

internal static class Epoll
{
    public const int CloseOnExec = 0x80000;
    public const int Add = 1;
    public const int Delete = 2;
    public const int Modify = 3;

    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HangUp = 0x10;
    public const uint ReadHangUp = 0x2000;
    public const uint Exclusive = 1u << 28;
    public const uint EdgeTriggered = 1u << 31;
}

internal static class SocketFlag
{
    public const int Inet = 2;
    public const int Inet6 = 10;
    public const int Stream = 1;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int NoSignal = 0x4000;
    public const int Peek = 2;
    public const int ShutdownWrite = 1;
}

internal static class SocketLevel
{
    public const int Socket = 1;
    public const int Tcp = 6;
    public const int IPv6 = 41;
}

internal static class SocketOption
{
    public const int ReuseAddress = 2;
    public const int Error = 4;
    public const int SendBuffer = 7;
    public const int ReceiveBuffer = 8;
    public const int KeepAlive = 9;
    public const int Linger = 13;
    public const int AcceptsConnections = 30;
    public const int TcpNoDelay = 1;
    public const int TcpKeepIdle = 4;
    public const int TcpKeepInterval = 5;
    public const int TcpKeepCount = 6;
    public const int TcpInfo = 11;
    public const int TcpDeferAccept = 9;
    public const int TcpUserTimeout = 18;
    public const int TcpCongestion = 13;
    public const int IPv6Only = 26;
}

internal static class FileControl
{
    public const int GetFlags = 3;
    public const int SetFlags = 4;
}

internal static class PipeFlag
{
    public const int SetSize = 1031;
    public const uint SpliceMove = 1;
    public const uint SpliceNonBlocking = 2;
}

/// <summary><c>struct epoll_event</c>: packed to 12 bytes on x86-64 only, 16 bytes elsewhere.</summary>
internal static unsafe class EpollEvent
{
    /// <summary>Bytes of one event. A static readonly is a constant for the JIT.</summary>
    public static readonly int Size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private static readonly int DataOffset = Size - 8;

    public static uint Events(byte* @event) => *(uint*)@event;

    public static ulong Data(byte* @event) => *(ulong*)(@event + DataOffset);

    public static void Write(byte* @event, uint events, ulong data)
    {
        *(uint*)@event = events;
        *(ulong*)(@event + DataOffset) = data;
    }
}
