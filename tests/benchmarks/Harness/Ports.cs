using System.Net;
using System.Net.Sockets;

namespace Mooring.Benchmarks.Harness;

internal static class Ports
{
    // Below the kernel's range for outgoing connections (32768 on), or one of thousands of those could sit on a listener's port.
    private const int First = 18_000;
    private const int Last = 31_000;

    private static int _next = First + (Environment.ProcessId * 37 % (Last - First));

    /// <summary>A port that nobody on this host listens on now.</summary>
    public static int Free()
    {
        for (var tries = 0; tries < Last - First; tries++)
        {
            _next = _next < Last ? _next + 1 : First;
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Any, _next));
                return _next;
            }
            catch (SocketException)
            {
                // Taken: try the next.
            }
        }

        throw new BenchmarkException($"no free port from {First} to {Last}");
    }
}
