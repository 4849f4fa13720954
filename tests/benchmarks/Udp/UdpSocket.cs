using System.Net;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Udp;

/// <summary>Bare UDP sockets.</summary>
internal static unsafe class UdpSocket
{
    /// <summary>A non-blocking socket bound to an address, and connected where <paramref name="to"/> is given.</summary>
    public static int Open(IPEndPoint from, IPEndPoint? to, int bufferBytes)
    {
        var socket = Libc.Socket(Libc.AF_INET, UdpNative.SockDgram | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0);
        Set(socket, Libc.SOL_SOCKET, UdpNative.SoReceiveBuffer, bufferBytes);
        Set(socket, Libc.SOL_SOCKET, UdpNative.SoSendBuffer, bufferBytes);
        Set(socket, UdpNative.SolUdp, UdpNative.UdpGro, 1);
        var bytes = stackalloc byte[16];
        Write(bytes, from);
        if (Libc.Bind(socket, bytes, 16) < 0)
        {
            throw new SocketFailureException($"bind {from}");
        }

        if (to is not null)
        {
            Write(bytes, to);
            if (Libc.Connect(socket, bytes, 16) < 0)
            {
                throw new SocketFailureException($"connect {to}");
            }
        }

        return socket;
    }

    private static void Set(int socket, int level, int name, int value) => _ = Libc.SetSockOpt(socket, level, name, &value, sizeof(int));

    private static void Write(byte* address, IPEndPoint endPoint)
    {
        new Span<byte>(address, 16).Clear();
        *(ushort*)address = Libc.AF_INET;
        address[2] = (byte)(endPoint.Port >> 8);
        address[3] = (byte)endPoint.Port;
        endPoint.Address.TryWriteBytes(new Span<byte>(address + 4, 4), out _);
    }
}
