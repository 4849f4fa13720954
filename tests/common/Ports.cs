using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Testing;

/// <summary>Ports for servers that are told their port. Thread-safe.</summary>
public static class Ports
{
    // Below Linux's range for outgoing connections (32768 on): one of those could sit on the port before the server does, or while it restarts.
    // Below what host mode takes for itself (26000 on), too.
    private const int First = 15_000;
    private const int End = 26_000;

    private static readonly string Folder = Directory
        .CreateDirectory(Path.Combine(Path.GetTempPath(), $"mooring-test-ports-{Environment.UserName}"))
        .FullName;
    private static readonly ConcurrentDictionary<int, FileStream> Given = new();

    /// <summary>A port of 127.0.0.1 that nobody has, in TCP and in UDP, and that was given out neither here nor by another run of tests on this machine.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, End);
            if (IsFree(port, SocketType.Stream, ProtocolType.Tcp) && IsFree(port, SocketType.Dgram, ProtocolType.Udp) && TryReserve(port))
            {
                return port;
            }
        }
    }

    /// <summary>By a locked file, which ends with this process.</summary>
    private static bool TryReserve(int port)
    {
        try
        {
            var file = new FileStream(Path.Combine(Folder, $"{port}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            if (Given.TryAdd(port, file))
            {
                return true;
            }

            file.Dispose();
            return false;
        }
        catch (IOException)
        {
            return false;
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
