using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Finds ports on the loopback address that nobody listens on.</summary>
internal static class FreePorts
{
    private const int Tries = 64;

    /// <summary>Returns a port that is free at this moment and not one of <paramref name="taken"/>.</summary>
    /// <exception cref="IOException">None was found.</exception>
    public static int Find(IReadOnlySet<int> taken)
    {
        for (var i = 0; i < Tries; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            if (!taken.Contains(port) && !UdpPorts.IsBound(port))
            {
                return port;
            }
        }

        throw new IOException("no free port on 127.0.0.1");
    }

    /// <summary>Whether something accepts connections there.</summary>
    public static async Task<bool> AcceptsAsync(int port, CancellationToken cancellation)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellation);

            // The kernel may choose the very port as the source, and the socket then talks to itself.
            return !Equals(socket.LocalEndPoint, socket.RemoteEndPoint);
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
