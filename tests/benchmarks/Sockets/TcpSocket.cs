using System.Buffers.Binary;
using System.Net;

namespace Mooring.Benchmarks.Sockets;

/// <summary>Non-blocking IPv4 TCP sockets as bare descriptors.</summary>
internal static unsafe class TcpSocket
{
    private const int AddressLength = 16;

    /// <summary>Opens a listener with a backlog of 4,096.</summary>
    /// <exception cref="SocketFailureException">The address is taken, or not of this host.</exception>
    public static int Listen(IPEndPoint at)
    {
        var descriptor = Create();
        Set(descriptor, Libc.SOL_SOCKET, Libc.SO_REUSEADDR);
        var address = stackalloc byte[AddressLength];
        Write(address, at);
        return Libc.Bind(descriptor, address, AddressLength) == 0 && Libc.Listen(descriptor, 4096) == 0
            ? descriptor
            : throw Failed(descriptor, $"listen on {at}");
    }

    /// <summary>Accepts one connection; -1 when none waits (or the process is out of descriptors: errno tells).</summary>
    public static int Accept(int listener)
    {
        var descriptor = Libc.Accept4(listener, null, null, Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC);
        if (descriptor >= 0)
        {
            Set(descriptor, Libc.IPPROTO_TCP, Libc.TCP_NODELAY);
        }

        return descriptor;
    }

    /// <summary>Starts to connect; completion shows as EPOLLOUT, and <see cref="TakeError"/> then tells how it ended.</summary>
    /// <param name="from">Address to come from, so that one run can have more connections than one address has ports.</param>
    public static int Connect(IPAddress from, IPEndPoint to)
    {
        var descriptor = Create();
        Set(descriptor, Libc.IPPROTO_TCP, Libc.TCP_NODELAY);

        // Puts the choice of the port off to connect, which knows the other end and so can share ports between destinations.
        Set(descriptor, Libc.IPPROTO_IP, Libc.IP_BIND_ADDRESS_NO_PORT);
        var address = stackalloc byte[AddressLength];
        Write(address, new IPEndPoint(from, 0));
        if (Libc.Bind(descriptor, address, AddressLength) < 0)
        {
            throw Failed(descriptor, $"bind {from}");
        }

        Write(address, to);
        return Libc.Connect(descriptor, address, AddressLength) == 0 || Libc.Errno == Libc.EINPROGRESS
            ? descriptor
            : throw Failed(descriptor, $"connect from {from} to {to}");
    }

    /// <summary>Pending error of a socket, cleared; 0 without one.</summary>
    public static int TakeError(int descriptor)
    {
        var error = 0;
        var length = sizeof(int);
        return Libc.GetSockOpt(descriptor, Libc.SOL_SOCKET, Libc.SO_ERROR, &error, &length) == 0 ? error : Libc.Errno;
    }

    private static int Create()
    {
        var descriptor = Libc.Socket(Libc.AF_INET, Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0);
        return descriptor >= 0 ? descriptor : throw new SocketFailureException("socket");
    }

    private static void Set(int descriptor, int level, int name)
    {
        var on = 1;
        if (Libc.SetSockOpt(descriptor, level, name, &on, sizeof(int)) < 0)
        {
            throw Failed(descriptor, "setsockopt");
        }
    }

    private static void Write(byte* address, IPEndPoint endPoint)
    {
        var bytes = new Span<byte>(address, AddressLength);
        bytes.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, Libc.AF_INET);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)endPoint.Port);
        endPoint.Address.TryWriteBytes(bytes[4..], out _);
    }

    private static SocketFailureException Failed(int descriptor, string call)
    {
        var errno = Libc.Errno;
        _ = Libc.Close(descriptor);
        return new SocketFailureException(call, errno);
    }
}
