using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Handover;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Binds the sockets of a UDP port, among which the kernel shares the clients out.</summary>
internal static class DatagramSockets
{
    private const int SolSocket = 1;
    private const int SoReusePort = 15;

    /// <summary>
    /// Sockets of each of so many UDP ports: as few as two gateways can share, and more where there is room in one message of
    /// <see cref="Contracts.Handover.HandoverLimits.MaxDescriptors"/>. A port keeps the number for as long as it is bound, or clients would change hands.
    /// </summary>
    public static int Count(int ports) => Math.Clamp(64 / Math.Max(1, ports), 2, 8);

    /// <exception cref="SocketException">The port cannot be had.</exception>
    public static List<Socket> Bind(IPAddress address, int port, int count)
    {
        var sockets = new List<Socket>(count);
        try
        {
            for (var i = 0; i < count; i++)
            {
                var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
                sockets.Add(socket);
                if (i > 0)
                {
                    Share(socket);
                }

                try
                {
                    socket.Bind(new IPEndPoint(address, port));
                }
                catch (SocketException exception)
                    when (i == 0 && exception.SocketErrorCode == SocketError.AddressAlreadyInUse && !UdpPorts.IsOpen(port))
                {
                    // Only sockets of single flows are left there, of a listener that was removed a while ago.
                    Share(socket);
                    socket.Bind(new IPEndPoint(address, port));
                }

                // The first one alone is bound without it, so that a port that someone else has is an error and not a part of the clients.
                Share(socket);
            }

            return sockets;
        }
        catch
        {
            sockets.ForEach(static socket => socket.Dispose());
            throw;
        }
    }

    private static void Share(Socket socket) => socket.SetRawSocketOption(SolSocket, SoReusePort, BitConverter.GetBytes(1));
}
