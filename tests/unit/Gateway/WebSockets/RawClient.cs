using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Gateway.Bench;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>WebSocket clients down to the byte.</summary>
internal static class RawClient
{
    /// <summary>The upgrade that <see cref="UpgradeAsync"/> sends.</summary>
    public static readonly byte[] Request = Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n");

    /// <summary>A socket of which the answer's head was read, and nothing after it.</summary>
    /// <param name="port">On loopback.</param>
    /// <param name="early">Sent with the request.</param>
    public static async Task<Socket> UpgradeAsync(int port, byte[]? early = null)
    {
        var raw = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await raw.ConnectAsync(IPAddress.Loopback, port, ProxyGateway.Deadline());
        byte[] sent = [.. Request, .. early ?? []];
        await raw.SendAllAsync(sent, ProxyGateway.Deadline());
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            head.Append((char)(await ReadExactlyAsync(raw, 1))[0]);
        }

        head.ToString().ShouldStartWith("HTTP/1.1 101 ");
        return raw;
    }

    public static async Task<byte[]> ReadExactlyAsync(Socket socket, int count)
    {
        var buffer = new byte[count];
        for (var length = 0; length < count; )
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, ProxyGateway.Deadline());
            received.ShouldBeGreaterThan(0, "the connection ended");
            length += received;
        }

        return buffer;
    }

    /// <summary>One whole message; a close frame is none.</summary>
    public static async Task<byte[]> ReceiveAsync(ClientWebSocket client)
    {
        using var message = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var result = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
            result.MessageType.ShouldNotBe(WebSocketMessageType.Close);
            message.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
            {
                return message.ToArray();
            }
        }
    }
}
