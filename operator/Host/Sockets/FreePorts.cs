using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Finds ports on the loopback address that nobody listens on.</summary>
internal static class FreePorts
{
    private const int Tries = 64;

    // Above what users like to choose by hand. In the range of outgoing connections (ip(7), ip_local_port_range)
    // one of those could sit on the port before its process has bound it.
    private const int First = 26_000;

    private const int Fewest = 1_000;

    private const string OutgoingRange = "/proc/sys/net/ipv4/ip_local_port_range";

    /// <summary>Returns a port that is free at this moment and not one of <paramref name="taken"/>.</summary>
    /// <exception cref="IOException">None was found.</exception>
    public static int Find(IReadOnlySet<int> taken) => Find(taken, FirstOutgoing());

    /// <inheritdoc cref="Find(IReadOnlySet{int})"/>
    /// <param name="taken">Ports that others have, or are about to have.</param>
    /// <param name="end">First port that the kernel gives to outgoing connections.</param>
    internal static int Find(IReadOnlySet<int> taken, int end)
    {
        for (var i = 0; i < Tries; i++)
        {
            // Half of the tries in the quiet range; where that is small or full, what the kernel chooses.
            var wanted = end - First >= Fewest && i < Tries / 2 ? Random.Shared.Next(First, end) : 0;
            // 0, the kernel's choice, is also what a child without a port has.
            if ((wanted == 0 || !taken.Contains(wanted)) && TryBind(wanted) is { } port && !taken.Contains(port) && !UdpPorts.IsBound(port))
            {
                return port;
            }
        }

        throw new IOException("no free port on 127.0.0.1");
    }

    /// <summary>Whether something accepts connections there.</summary>
    public static async Task<bool> AcceptsAsync(int port, CancellationToken cancellation)
    {
        try
        {
            // In here, since there may be no descriptor left.
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellation);

            // The kernel may choose the very port as the source, and the socket then talks to itself.
            return !Equals(socket.LocalEndPoint, socket.RemoteEndPoint);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int? TryBind(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return ((IPEndPoint)socket.LocalEndPoint!).Port;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return null;
        }
    }

    private static int FirstOutgoing()
    {
        try
        {
            return int.TryParse(File.ReadAllText(OutgoingRange).Split('\t', ' ')[0], CultureInfo.InvariantCulture, out var first)
                ? first
                : 0;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
