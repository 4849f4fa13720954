using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>The kernel calls of the reactor, blittable, so that a call is a few instructions around the system call.</summary>
/// <remarks>
/// <c>SuppressGCTransition</c> is on calls that never block: every descriptor here is non-blocking. It is never on
/// <see cref="EpollWait"/>, which sleeps: a thread inside such a call holds up the garbage collection of the whole process.
/// Each call returns what the kernel's does; where that is -1, <see cref="Errno"/> says why.
/// </remarks>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    [LibraryImport(Library, EntryPoint = "__errno_location"), SuppressGCTransition]
    public static partial int* ErrnoLocation();

    [LibraryImport(Library, EntryPoint = "epoll_create1"), SuppressGCTransition]
    public static partial int EpollCreate(int flags);

    [LibraryImport(Library, EntryPoint = "epoll_ctl"), SuppressGCTransition]
    public static partial int EpollCtl(int epoll, int operation, int descriptor, void* @event);

    /// <summary>Blocks for up to <paramref name="timeoutMs"/>; -1: without end.</summary>
    [LibraryImport(Library, EntryPoint = "epoll_wait")]
    public static partial int EpollWait(int epoll, void* events, int maxEvents, int timeoutMs);

    [LibraryImport(Library, EntryPoint = "eventfd"), SuppressGCTransition]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "read"), SuppressGCTransition]
    public static partial nint Read(int descriptor, void* buffer, nuint length);

    [LibraryImport(Library, EntryPoint = "write"), SuppressGCTransition]
    public static partial nint Write(int descriptor, void* buffer, nuint length);

    [LibraryImport(Library, EntryPoint = "recv"), SuppressGCTransition]
    public static partial nint Receive(int socket, void* buffer, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "send"), SuppressGCTransition]
    public static partial nint Send(int socket, void* buffer, nuint length, int flags);

    [LibraryImport(Library, EntryPoint = "splice"), SuppressGCTransition]
    public static partial nint Splice(int from, long* fromOffset, int to, long* toOffset, nuint length, uint flags);

    [LibraryImport(Library, EntryPoint = "socket"), SuppressGCTransition]
    public static partial int Socket(int domain, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "socketpair"), SuppressGCTransition]
    public static partial int SocketPair(int domain, int type, int protocol, int* descriptors);

    [LibraryImport(Library, EntryPoint = "connect"), SuppressGCTransition]
    public static partial int Connect(int socket, void* address, uint length);

    [LibraryImport(Library, EntryPoint = "bind"), SuppressGCTransition]
    public static partial int Bind(int socket, void* address, uint length);

    [LibraryImport(Library, EntryPoint = "listen"), SuppressGCTransition]
    public static partial int Listen(int socket, int backlog);

    [LibraryImport(Library, EntryPoint = "accept4"), SuppressGCTransition]
    public static partial int Accept(int socket, void* address, uint* length, int flags);

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport(Library, EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeFifo(string path, uint mode);

    [LibraryImport(Library, EntryPoint = "shutdown"), SuppressGCTransition]
    public static partial int Shutdown(int socket, int how);

    [LibraryImport(Library, EntryPoint = "close"), SuppressGCTransition]
    public static partial int Close(int descriptor);

    [LibraryImport(Library, EntryPoint = "setsockopt"), SuppressGCTransition]
    public static partial int SetSocketOption(int socket, int level, int name, void* value, uint length);

    [LibraryImport(Library, EntryPoint = "getsockopt"), SuppressGCTransition]
    public static partial int GetSocketOption(int socket, int level, int name, void* value, uint* length);

    [LibraryImport(Library, EntryPoint = "getsockname"), SuppressGCTransition]
    public static partial int GetSocketName(int socket, void* address, uint* length);

    [LibraryImport(Library, EntryPoint = "getpeername"), SuppressGCTransition]
    public static partial int GetPeerName(int socket, void* address, uint* length);

    [LibraryImport(Library, EntryPoint = "pipe2"), SuppressGCTransition]
    public static partial int Pipe(int* descriptors, int flags);

    [LibraryImport(Library, EntryPoint = "fcntl"), SuppressGCTransition]
    public static partial int Control(int descriptor, int command, nint argument);

    /// <summary>M_TRIM_THRESHOLD is -1. Returns 1 when it was set.</summary>
    [LibraryImport(Library, EntryPoint = "mallopt")]
    public static partial int AllocatorOption(int option, int value);

    [LibraryImport(Library, EntryPoint = "getrlimit"), SuppressGCTransition]
    public static partial int GetLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "setrlimit"), SuppressGCTransition]
    public static partial int SetLimit(int resource, ulong* softAndHard);

    /// <summary>Of the last call that failed on this thread. Valid only right after a call with <c>SuppressGCTransition</c>.</summary>
    public static int LastError => *ErrnoLocation();

    public static void SetOption(int socket, int level, int name, int value) =>
        _ = SetSocketOption(socket, level, name, &value, sizeof(int));

    /// <summary>Reads an option that is a number; -1 where the socket has none such.</summary>
    public static int GetOption(int socket, int level, int name)
    {
        int value;
        uint length = sizeof(int);
        return GetSocketOption(socket, level, name, &value, &length) < 0 ? -1 : value;
    }

    /// <summary>Makes the next close of <paramref name="socket"/> send RST and drop what is unsent.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ResetOnClose(int socket)
    {
        var linger = stackalloc int[2];
        linger[0] = 1;
        linger[1] = 0;
        _ = SetSocketOption(socket, SocketLevel.Socket, SocketOption.Linger, linger, 2 * sizeof(int));
    }

    /// <summary>Takes the pending error off a socket; 0 when there is none.</summary>
    public static int TakeError(int socket)
    {
        var error = 0;
        uint length = sizeof(int);
        return GetSocketOption(socket, SocketLevel.Socket, SocketOption.Error, &error, &length) < 0 ? LastError : error;
    }
}
