using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mooring.EndToEnd;

/// <summary>Reads a socket together with the moment at which the kernel got what is read, so that a process that looks late does not judge others by it.</summary>
internal static partial class TimedSocket
{
    // <asm-generic/socket.h>: a timespec of CLOCK_REALTIME as ancillary data. https://docs.kernel.org/networking/timestamping.html
    private const int Level = 1;
    private const int TimestampNanoseconds = 35;
    private const int DontWait = 0x40;

    /// <summary>To be called once it is connected (before, a socket with an option that .NET does not know can connect to no name), and before anything is read.</summary>
    public static void Enable(Socket socket)
    {
        var on = 1;
        socket.SetRawSocketOption(Level, TimestampNanoseconds, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in on)));
    }

    /// <summary>Waits for bytes. Returns how many, 0 at the end, and the kernel's time of the last of them in nanoseconds since 1970.</summary>
    /// <exception cref="SocketException">It was reset.</exception>
    public static async Task<(int Count, long At)> ReceiveAsync(Socket socket, Memory<byte> buffer, CancellationToken cancel)
    {
        while (true)
        {
            await socket.ReceiveAsync(Memory<byte>.Empty, cancel);
            var (count, at, error) = Receive(socket, buffer.Span);
            if (count >= 0)
            {
                return (count, at);
            }

            // EAGAIN and EINTR: somebody else's wake-up.
            if (error is not (11 or 4))
            {
                throw new SocketException(error);
            }
        }
    }

    private static unsafe (int Count, long At, int Error) Receive(Socket socket, Span<byte> buffer)
    {
        Span<byte> control = stackalloc byte[64];
        fixed (byte* bytes = buffer)
        fixed (byte* ancillary = control)
        {
            var vector = new Vector { Base = bytes, Length = (nuint)buffer.Length };
            var message = new Message
            {
                Vectors = &vector,
                VectorCount = 1,
                Control = ancillary,
                ControlLength = (nuint)control.Length,
            };
            var count = (int)ReceiveMessage((int)socket.Handle, &message, DontWait);
            if (count < 0)
            {
                return (count, 0, Marshal.GetLastPInvokeError());
            }

            // struct cmsghdr: length, level, type; then the timespec.
            var at =
                message.ControlLength >= 32 && *(int*)(ancillary + 8) == Level && *(int*)(ancillary + 12) == TimestampNanoseconds
                    ? (*(long*)(ancillary + 16) * 1_000_000_000) + *(long*)(ancillary + 24)
                    : 0;
            return (count, at, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static unsafe partial nint ReceiveMessage(int socket, Message* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
