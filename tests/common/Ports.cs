using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Testing;

/// <summary>Ports for servers that are told their port. Thread-safe.</summary>
public static class Ports
{
    // Below Linux's range for outgoing connections (32768 on): one of those could sit on the port before the server does, or while it restarts.
    private const int First = 15_000;
    private const int End = 32_000;

    private static readonly ConcurrentDictionary<int, byte> Given = new();

    /// <summary>A port of 127.0.0.1 that nobody has, in TCP and in UDP, and that was not given out here before.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, End);
            if (
                IsFree(port, SocketType.Stream, ProtocolType.Tcp)
                && IsFree(port, SocketType.Dgram, ProtocolType.Udp)
                && Given.TryAdd(port, 0)
            )
            {
                return port;
            }
        }
    }

    private static bool IsFree(int port, SocketType type, ProtocolType protocol)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, type, protocol);
        try
        {
            probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}
