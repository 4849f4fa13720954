using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>What the engine tests ask of their clients and ports.</summary>
internal static class EngineProbes
{
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<int, byte> Given = new();

    public static EndpointsMessage Push(params (string Id, int Port, bool Draining)[] endpoints) =>
        new()
        {
            Backend = "relay",
            Endpoints =
            [
                .. endpoints.Select(e => new EndpointInfo
                {
                    Id = e.Id,
                    Address = "127.0.0.1",
                    Port = e.Port,
                    Draining = e.Draining,
                }),
            ],
        };

    /// <summary>A port where nothing listens, another each time: the kernel soon gives out one again that was just let go.</summary>
    public static int ClosedPort()
    {
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            if (Given.TryAdd(port, 0))
            {
                return port;
            }
        }
    }

    public static async Task<List<Socket>> ConnectManyAsync(int port, int count) =>
        [.. await Task.WhenAll(Enumerable.Range(0, count).Select(_ => TryConnectAsync(port)))];

    /// <summary>A socket that may have been reset already: the gateway refuses after the kernel has connected.</summary>
    public static async Task<Socket> TryConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Its next use says so again.
        }

        return socket;
    }

    /// <summary>How many of the clients get an echo, rather than a reset.</summary>
    public static async Task<int> CountServedAsync(IEnumerable<Socket> clients)
    {
        var served = await Task.WhenAll(
            clients.Select(async client =>
            {
                try
                {
                    using var limit = new CancellationTokenSource(EngineHarness.Patience);
                    await client.SendAsync(new byte[] { 1 }, limit.Token);
                    return await client.ReceiveAsync(new byte[1], limit.Token) == 1;
                }
                catch (SocketException)
                {
                    return false;
                }
            })
        );
        return served.Count(one => one);
    }

    /// <summary>One byte there and back; the connection stays.</summary>
    public static async Task PingAsync(Socket client) => (await CountServedAsync([client])).ShouldBe(1);

    public static async Task IsResetAsync(int port)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var error = await Should.ThrowAsync<SocketException>(async () =>
        {
            await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
            await client.ReceiveAsync(new byte[1], limit.Token);
        });
        error.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
    }
}
