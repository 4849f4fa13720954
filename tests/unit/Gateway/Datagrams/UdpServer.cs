using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Mooring.Gateway.Tests.Datagrams;

/// <summary>A UDP backend on a free port of loopback that answers each datagram.</summary>
internal sealed class UdpServer : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 4 << 20 };
    private readonly Func<byte[], IEnumerable<byte[]>> _answer;

    /// <param name="answer">The answers to a datagram; null: itself.</param>
    /// <param name="port">0: any free one.</param>
    public UdpServer(Func<byte[], IEnumerable<byte[]>>? answer = null, int port = 0)
    {
        _answer = answer ?? (data => [data]);
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        Port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        _ = Task.Run(ServeAsync);
    }

    public int Port { get; }

    /// <summary>The addresses of the gateway that datagrams came from: one a flow.</summary>
    public ConcurrentDictionary<string, int> Peers { get; } = new();

    /// <summary>Sockets that are connected to this server.</summary>
    public int Flows =>
        File.ReadLines("/proc/net/udp")
            .Count(line =>
                line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, var remote, ..] && remote.EndsWith($":{Port:X4}")
            );

    /// <summary>Answers with a name in front, to tell servers apart.</summary>
    public static UdpServer Named(string name, int port = 0) =>
        new(
            data =>
                [
                    [.. System.Text.Encoding.UTF8.GetBytes(name + ":"), .. data],
                ],
            port
        );

    /// <summary>Sends to a peer of the past, from this server's address or another.</summary>
    public static async Task SendFromElsewhereAsync(string peer, byte[] data)
    {
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        await other.SendToAsync(data, SocketFlags.None, IPEndPoint.Parse(peer));
    }

    /// <summary>Sends unasked.</summary>
    public Task SendAsync(IPEndPoint peer, byte[] data) => _socket.SendToAsync(data, SocketFlags.None, peer);

    public void Dispose() => _socket.Dispose();

    private async Task ServeAsync()
    {
        var buffer = new byte[70_000];
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0));
                Peers.AddOrUpdate(received.RemoteEndPoint.ToString()!, 1, (_, count) => count + 1);
                foreach (var answer in _answer(buffer[..received.ReceivedBytes]))
                {
                    await _socket.SendToAsync(answer, SocketFlags.None, received.RemoteEndPoint);
                }
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
