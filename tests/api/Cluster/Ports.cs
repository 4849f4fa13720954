using System.Net;
using System.Net.Sockets;

namespace Mooring.Api.Tests.Cluster;

/// <summary>Ports for servers that are told their port, and get the same one after a restart.</summary>
internal static class Ports
{
    /// <summary>A free loopback port below Linux's range for outgoing connections, so that none of those can take it during a restart.</summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(15_000, 32_000);
            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse) { }
        }
    }
}
