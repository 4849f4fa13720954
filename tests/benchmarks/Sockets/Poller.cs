using System.Runtime.InteropServices;

namespace Mooring.Benchmarks.Sockets;

/// <summary>An epoll instance and the room for its events. Used by one thread.</summary>
internal sealed unsafe class Poller : IDisposable
{
    private const int Capacity = 512;

    // struct epoll_event is packed on x86-64 alone.
    private static readonly int DataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int Stride = DataOffset + sizeof(long);

    private readonly int _descriptor = Libc.EpollCreate1(Libc.EPOLL_CLOEXEC);
    private readonly byte* _events = (byte*)NativeMemory.AllocZeroed((nuint)(Capacity * Stride));

    /// <summary>Watches a descriptor until it is closed.</summary>
    /// <exception cref="SocketFailureException">The kernel refused, for example for lack of memory.</exception>
    public void Add(int descriptor, uint events)
    {
        var change = stackalloc byte[Stride];
        *(uint*)change = events;
        *(long*)(change + DataOffset) = descriptor;
        if (Libc.EpollCtl(_descriptor, Libc.EPOLL_CTL_ADD, descriptor, change) < 0)
        {
            throw new SocketFailureException("epoll_ctl");
        }
    }

    /// <summary>Waits for events, at most <paramref name="timeoutMilliseconds"/>. Returns how many there are; 0 on time-out.</summary>
    public int Wait(int timeoutMilliseconds)
    {
        var count = Libc.EpollWait(_descriptor, _events, Capacity, timeoutMilliseconds);
        return count >= 0 ? count
            : Libc.Errno == Libc.EINTR ? 0
            : throw new SocketFailureException("epoll_wait");
    }

    /// <summary>Descriptor of the event at <paramref name="index"/> of the last <see cref="Wait"/>.</summary>
    public int Descriptor(int index) => (int)*(long*)(_events + (index * Stride) + DataOffset);

    /// <summary>What happened, as EPOLL* bits.</summary>
    public uint Events(int index) => *(uint*)(_events + (index * Stride));

    public void Dispose()
    {
        _ = Libc.Close(_descriptor);
        NativeMemory.Free(_events);
    }
}
