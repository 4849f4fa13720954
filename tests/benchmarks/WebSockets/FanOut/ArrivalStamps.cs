using System.Runtime.InteropServices;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>When bytes came to a socket, by the kernel (SO_TIMESTAMPNS, socket(7)): one process that reads for thousands of clients comes later to most of them.</summary>
internal static unsafe class ArrivalStamps
{
    private const int Timestamps = 35;
    private const int ControlBytes = 64;

    /// <summary>Nanoseconds of the clock that stamps are of.</summary>
    public static long Now
    {
        get
        {
            var time = stackalloc long[2];
            _ = Libc.ClockGetTime(0, time);
            return Nanoseconds(time);
        }
    }

    public static void Enable(int descriptor)
    {
        var on = 1;
        if (Libc.SetSockOpt(descriptor, Libc.SOL_SOCKET, Timestamps, &on, sizeof(int)) < 0)
        {
            throw new SocketFailureException("setsockopt(SO_TIMESTAMPNS)");
        }
    }

    /// <summary>As <c>recv</c>.</summary>
    /// <param name="descriptor">Where.</param>
    /// <param name="buffer">Where to.</param>
    /// <param name="length">Bytes at most.</param>
    /// <param name="arrived">When the last of them came; 0: the kernel does not say.</param>
    public static nint Receive(int descriptor, byte* buffer, int length, out long arrived)
    {
        var control = stackalloc long[ControlBytes / sizeof(long)];
        var part = new Part { Start = buffer, Length = length };
        var message = new Message
        {
            Parts = &part,
            Count = 1,
            Control = control,
            ControlLength = ControlBytes,
        };
        var count = Libc.RecvMsg(descriptor, &message, 0);
        // struct cmsghdr: length, level and type, then the timespec.
        var header = (int*)(control + 1);
        arrived =
            count > 0 && message.ControlLength >= 4 * sizeof(long) && header[0] == Libc.SOL_SOCKET && header[1] == Timestamps
                ? Nanoseconds(control + 2)
                : 0;
        return count;
    }

    private static long Nanoseconds(long* time) => (time[0] * 1_000_000_000) + time[1];

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public byte* Start;
        public nint Length;
    }

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public void* Name;
        public nint NameLength;
        public Part* Parts;
        public nint Count;
        public void* Control;
        public nint ControlLength;
        public nint Flags;
    }
}
