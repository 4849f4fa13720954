using System.Net;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Listeners;

/// <summary>A listening TCP socket: bound here, or taken over from the process that owns it.</summary>
internal sealed unsafe class ListenSocket
{
    private const int Backlog = 65_535;

    private ListenSocket(int descriptor, int port, bool adopted)
    {
        Descriptor = descriptor;
        Port = port;
        Adopted = adopted;
    }

    public int Descriptor { get; }

    public int Port { get; }

    /// <summary>Other processes hold it too: closing it here closes no queue.</summary>
    public bool Adopted { get; }

    /// <summary>Binds and listens.</summary>
    /// <param name="address">IPv6Any takes IPv4 as well, and falls back to IPv4 alone where the host has no IPv6.</param>
    /// <param name="port">0: any free one.</param>
    /// <exception cref="IOException">The message is the kernel's, such as <c>Address already in use</c>.</exception>
    public static ListenSocket Bind(IPAddress address, int port)
    {
        var target = KernelAddress.From(address, port);
        var socket = Libc.Socket(target.Family, SocketFlag.Stream | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
        if (socket < 0)
        {
            var error = Libc.LastError;
            return error == Errno.EAFNOSUPPORT && address.Equals(IPAddress.IPv6Any)
                ? Bind(IPAddress.Any, port)
                : throw new IOException(Errno.Describe(error));
        }

        // SO_REUSEADDR so that connections of a former process in TIME_WAIT don't keep the port. Never SO_REUSEPORT: two gateways
        // would share a port silently, and closing one of the sockets resets what waits in its queue.
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.ReuseAddress, 1);
        if (target.Family == SocketFlag.Inet6)
        {
            Libc.SetOption(socket, SocketLevel.IPv6, SocketOption.IPv6Only, 0);
        }

        if (Libc.Bind(socket, &target, target.Length) < 0 || Libc.Listen(socket, Backlog) < 0)
        {
            var error = Libc.LastError;
            _ = Libc.Close(socket);
            return error == Errno.EADDRNOTAVAIL && address.Equals(IPAddress.IPv6Any)
                ? Bind(IPAddress.Any, port)
                : throw new IOException(Errno.Describe(error));
        }

        return Prepare(socket, adopted: false);
    }

    /// <summary>Takes over a socket that listens already; from now on it is this object's to close.</summary>
    /// <exception cref="IOException">It is no listening socket.</exception>
    public static ListenSocket Adopt(int descriptor)
    {
        if (!Listens(descriptor))
        {
            throw new IOException($"descriptor {descriptor} is no listening socket");
        }

        _ = Libc.Control(descriptor, FileControl.SetFlags, Libc.Control(descriptor, FileControl.GetFlags, 0) | SocketFlag.NonBlocking);
        return Prepare(descriptor, adopted: true);
    }

    /// <summary>Sets options of the connections accepted from now on. Those of all processes that have the socket: they share the config.</summary>
    /// <param name="options">What accepted sockets inherit.</param>
    /// <param name="clientSpeaksFirst">
    /// A connection comes with its first bytes, which spares an event of each and the loop all that never say anything (TCP_DEFER_ACCEPT, tcp(7); HAProxy's <c>defer-accept</c>).
    /// One that is silent comes after a second, when the kernel has answered its SYN once more.
    /// </param>
    public void Configure(TcpSocketOptions options, bool clientSpeaksFirst)
    {
        options.Apply(Descriptor);
        Libc.SetOption(Descriptor, SocketLevel.Tcp, SocketOption.TcpDeferAccept, clientSpeaksFirst ? 1 : 0);
    }

    /// <summary>Takes a predecessor's socket as this process's own; null, leaving it to the caller, where it does not listen at <paramref name="address"/>.</summary>
    public static ListenSocket? TryInherit(int descriptor, IPAddress address) =>
        Listens(descriptor) && IsAt(descriptor, address) ? Prepare(descriptor, adopted: false) : null;

    /// <summary>Whether a socket, of whatever kind, is bound to what this process would bind to <paramref name="address"/>.</summary>
    public static bool IsAt(int descriptor, IPAddress address)
    {
        var bound = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        return Libc.GetSocketName(descriptor, bound, &length) == 0
            && KernelAddress.Read(bound).Address is var actual
            && (
                actual == NetworkAddress.From(address)
                || (address.Equals(IPAddress.IPv6Any) && actual == NetworkAddress.From(IPAddress.Any))
            );
    }

    public void Close() => _ = Libc.Close(Descriptor);

    private static bool Listens(int descriptor)
    {
        var accepts = 0;
        uint length = sizeof(int);
        return Libc.GetSocketOption(descriptor, SocketLevel.Socket, SocketOption.AcceptsConnections, &accepts, &length) == 0
            && accepts != 0;
    }

    private static ListenSocket Prepare(int socket, bool adopted)
    {
        // Accepted sockets inherit both on Linux: two calls here instead of two per connection.
        Libc.SetOption(socket, SocketLevel.Tcp, SocketOption.TcpNoDelay, 1);
        Libc.SetOption(socket, SocketLevel.Socket, SocketOption.KeepAlive, 1);
        var address = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        _ = Libc.GetSocketName(socket, address, &length);
        return new ListenSocket(socket, KernelAddress.Read(address).Port, adopted);
    }
}
