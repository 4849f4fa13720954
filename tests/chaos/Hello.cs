using System.Net.Sockets;
using System.Text;

namespace Mooring.Chaos.Tests;

/// <summary>A bore client that asks for a tunnel, and leaves with the answer.</summary>
internal static class Hello
{
    /// <summary>A gateway has answered with a port.</summary>
    public static bool IsGranted(string answer) => answer.StartsWith("{\"Hello\":", StringComparison.Ordinal);

    /// <summary>What it is answered.</summary>
    public static async Task<string> AskAsync(GatewayHost gateway, int port = 0)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(gateway.Server);
        await socket.SendAsync(Encoding.ASCII.GetBytes($"{{\"Hello\":{port}}}\0"));
        var buffer = new byte[256];
        var have = 0;
        while (Array.IndexOf(buffer, (byte)0, 0, have) < 0)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(have)).AsTask().WaitAsync(TunnelFleet.Patience);
            have += count > 0 ? count : throw new EndOfStreamException();
        }

        return Encoding.ASCII.GetString(buffer, 0, Array.IndexOf(buffer, (byte)0));
    }
}
