using System.Net;
using System.Net.Sockets;

namespace Mooring.Chaos.Tests;

/// <summary>What a Service is to clients of tunnels: each connection goes to a gateway by lot, one that takes it.</summary>
internal sealed class FrontDoor : IDisposable
{
    private const int BufferBytes = 4096;
    private readonly TunnelFleet _fleet;
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public FrontDoor(TunnelFleet fleet)
    {
        _fleet = fleet;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public void Dispose() => _listener.Dispose();

    /// <summary>Connects to a gateway by lot.</summary>
    /// <exception cref="SocketException">None takes connections.</exception>
    public static async Task<Socket> DialAsync(TunnelFleet fleet)
    {
        var up = fleet.Gateways.Where(static gateway => (gateway.IsUp || gateway.IsUnnoticed) && !gateway.IsHidden).ToArray();
        Random.Shared.Shuffle(up);
        foreach (var gateway in up)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(gateway.Server);
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
            }
        }

        throw new SocketException((int)SocketError.ConnectionRefused);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = CarryAsync(await _listener.AcceptAsync());
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task CarryAsync(Socket client)
    {
        client.NoDelay = true;
        Socket? server = null;
        try
        {
            server = await DialAsync(_fleet);
            await Task.WhenAll(PumpAsync(client, server), PumpAsync(server, client));
        }
        catch (SocketException)
        {
            // No gateway.
        }
        finally
        {
            client.Dispose();
            server?.Dispose();
        }
    }

    /// <summary>Passes on an end as an end, and a reset as a reset.</summary>
    private static async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                for (var sent = 0; sent < count; )
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            from.Close(0);
            to.Close(0);
        }
    }
}
