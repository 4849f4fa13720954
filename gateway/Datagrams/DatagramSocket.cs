using System.Net;
using Mooring.Contracts.Handover;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>One of the sockets that share a UDP port: bound here, or taken over from the process that owns it.</summary>
/// <remarks>
/// The kernel gives each client to one of them by a hash of the two addresses (SO_REUSEPORT), so a client's datagrams meet in one loop of
/// one process as long as the sockets stay the same: there are as many as at first until the port is given up.
/// </remarks>
internal sealed unsafe class DatagramSocket
{
    /// <summary>As much as the kernel gives (net.core.rmem_max, wmem_max): a burst waits here while the loop is busy.</summary>
    private const int BufferBytes = 4 * 1024 * 1024;

    private readonly uint _dropsBefore;

    private DatagramSocket(int descriptor, bool adopted, bool coalesces)
    {
        Descriptor = descriptor;
        Adopted = adopted;
        var bytes = stackalloc byte[KernelAddress.MaxBytes];
        uint length = KernelAddress.MaxBytes;
        _ = Libc.GetSocketName(descriptor, bytes, &length);
        Family = bytes[0];
        (Local, Port) = KernelAddress.Read(bytes);
        Wildcard = Local.High == 0 && (Local.Low == 0 || (Local.IsIPv4 && Local.Low >> 32 == 0));
        ulong cookie;
        length = sizeof(ulong);
        _ = Libc.GetSocketOption(descriptor, SocketLevel.Socket, UdpOption.Cookie, &cookie, &length);
        Cookie = cookie;
        Libc.SetOption(descriptor, SocketLevel.Socket, SocketOption.ReceiveBuffer, BufferBytes);
        Libc.SetOption(descriptor, SocketLevel.Socket, SocketOption.SendBuffer, BufferBytes);
        Prepare(descriptor, Family, Wildcard, coalesces);
        _dropsBefore = ReadDrops();
    }

    public int Descriptor { get; }

    public int Port { get; }

    public int Family { get; }

    public NetworkAddress Local { get; }

    /// <summary>Bound to every address of the host: answers must name the one that the client sent to.</summary>
    public bool Wildcard { get; }

    /// <summary>Other processes hold it too.</summary>
    public bool Adopted { get; }

    /// <summary>The kernel's own name of the socket: equal for every descriptor of it.</summary>
    public ulong Cookie { get; }

    /// <summary>Number of the loop that it belongs to for good.</summary>
    public int Loop { get; set; }

    /// <summary>
    /// Datagrams that the kernel dropped because the receive buffer was full, since this process has the socket. 0 where it cannot tell. For any thread.
    /// </summary>
    public long ReceiveDrops => ReadDrops() - _dropsBefore;

    /// <summary>Binds as many sockets to one port.</summary>
    /// <param name="address">IPv6Any takes IPv4 as well, and falls back to IPv4 alone where the host has no IPv6.</param>
    /// <param name="port">0: any free one.</param>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="coalesces">The kernel has UDP_GRO.</param>
    /// <exception cref="IOException">The message is the kernel's, such as <c>Address already in use</c>.</exception>
    public static List<DatagramSocket> Bind(IPAddress address, int port, int count, bool coalesces)
    {
        var sockets = new List<DatagramSocket>(count);
        try
        {
            for (var i = 0; i < count; i++)
            {
                // The first without SO_REUSEPORT, so that a port that somebody else has is an error and not half of the clients.
                var descriptor = Bind(address, i == 0 ? port : sockets[0].Port, shared: i > 0);
                if (descriptor < 0)
                {
                    return Bind(IPAddress.Any, port, count, coalesces);
                }

                sockets.Add(new DatagramSocket(descriptor, adopted: false, coalesces));
            }
        }
        catch (IOException)
        {
            sockets.ForEach(socket => socket.Close());
            throw;
        }

        return sockets;
    }

    /// <summary>The descriptor is of a datagram socket.</summary>
    public static bool Is(int descriptor)
    {
        var type = 0;
        uint length = sizeof(int);
        return Libc.GetSocketOption(descriptor, SocketLevel.Socket, UdpOption.SocketType, &type, &length) == 0
            && type == DatagramSockets.Type;
    }

    /// <summary>Takes over a bound socket; from now on it is this object's to close.</summary>
    /// <param name="descriptor">Of a datagram socket.</param>
    /// <param name="coalesces">The kernel has UDP_GRO.</param>
    /// <param name="shared">Other processes hold it too, for good.</param>
    public static DatagramSocket Adopt(int descriptor, bool coalesces, bool shared = true)
    {
        _ = Libc.Control(descriptor, FileControl.SetFlags, Libc.Control(descriptor, FileControl.GetFlags, 0) | SocketFlag.NonBlocking);
        return new DatagramSocket(descriptor, shared, coalesces);
    }

    /// <summary>Sets what a socket that clients' datagrams come in by needs.</summary>
    public static void Prepare(int descriptor, int family, bool wildcard, bool coalesces)
    {
        if (coalesces)
        {
            Libc.SetOption(descriptor, UdpLevel.Udp, UdpOption.Gro, 1);
        }

        if (!wildcard)
        {
            return;
        }

        if (family == SocketFlag.Inet)
        {
            Libc.SetOption(descriptor, UdpLevel.Ip, UdpOption.PacketInfo, 1);
        }
        else
        {
            Libc.SetOption(descriptor, UdpLevel.IPv6, UdpOption.ReceivePacketInfo6, 1);
        }
    }

    public void Close() => _ = Libc.Close(Descriptor);

    /// <summary>SO_MEMINFO: since the socket was made, whoever had it. Wraps around.</summary>
    private uint ReadDrops()
    {
        var info = stackalloc uint[16];
        uint length = 16 * sizeof(uint);
        return Libc.GetSocketOption(Descriptor, SocketLevel.Socket, UdpOption.MemoryInfo, info, &length) == 0 && length >= 9 * sizeof(uint)
            ? info[8]
            : 0;
    }

    /// <summary>The port is in use, but only by sockets of single flows, of a listener that was removed a while ago.</summary>
    private static bool BindBesidePins(int socket, KernelAddress* target, int port)
    {
        var error = Libc.LastError;
        if (error == Errno.EADDRINUSE && !UdpPorts.IsOpen(port))
        {
            Libc.SetOption(socket, SocketLevel.Socket, UdpOption.ReusePort, 1);
            return Libc.Bind(socket, target, target->Length) == 0;
        }

        // The look at the ports has changed it.
        *Libc.ErrnoLocation() = error;
        return false;
    }

    /// <summary>-1: the host has no IPv6, and the address is IPv6Any.</summary>
    private static int Bind(IPAddress address, int port, bool shared)
    {
        var target = KernelAddress.From(address, port);
        var socket = DatagramSockets.Open(target.Family);
        if (socket < 0)
        {
            var error = Libc.LastError;
            return error == Errno.EAFNOSUPPORT && address.Equals(IPAddress.IPv6Any) ? -1 : throw new IOException(Errno.Describe(error));
        }

        if (shared)
        {
            Libc.SetOption(socket, SocketLevel.Socket, UdpOption.ReusePort, 1);
        }

        if (target.Family == SocketFlag.Inet6)
        {
            Libc.SetOption(socket, SocketLevel.IPv6, SocketOption.IPv6Only, 0);
        }

        if (Libc.Bind(socket, &target, target.Length) < 0 && !BindBesidePins(socket, &target, port))
        {
            var error = Libc.LastError;
            _ = Libc.Close(socket);
            return error == Errno.EADDRNOTAVAIL && address.Equals(IPAddress.IPv6Any) ? -1 : throw new IOException(Errno.Describe(error));
        }

        Libc.SetOption(socket, SocketLevel.Socket, UdpOption.ReusePort, 1);
        return socket;
    }
}

internal static class DatagramSockets
{
    /// <summary>SOCK_DGRAM.</summary>
    public const int Type = 2;

    /// <summary>A new non-blocking UDP socket, or -1.</summary>
    public static int Open(int family) => Libc.Socket(family, Type | SocketFlag.NonBlocking | SocketFlag.CloseOnExec, 0);
}
