using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Mooring.Chaos.Tests;

/// <summary>A visitor that stays.</summary>
internal sealed class HeldVisitor : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly PublicPort _port;

    private HeldVisitor(PublicPort port) => _port = port;

    public static async Task<HeldVisitor> ComeAsync(PublicPort port, GatewayHost gateway)
    {
        var visitor = new HeldVisitor(port);
        await visitor._socket.ConnectAsync(new IPEndPoint(gateway.Server.Address, port.Number)).WaitAsync(TunnelFleet.Patience);
        await visitor.ShouldBeAnsweredAsync();
        return visitor;
    }

    /// <summary>The service that it came to answers it still.</summary>
    public async Task ShouldBeAnsweredAsync()
    {
        var words = $"{Guid.NewGuid():N}\n";
        await _socket.SendAsync(Encoding.ASCII.GetBytes(words));
        var answer = "";
        var buffer = new byte[256];
        while (!answer.EndsWith('\n'))
        {
            var count = await _socket.ReceiveAsync(buffer).WaitAsync(TunnelFleet.Patience);
            count.ShouldBeGreaterThan(0, "the visitor was cut off");
            answer += Encoding.ASCII.GetString(buffer, 0, count);
        }

        answer.ShouldBe($"{_port.Name} {words}");
    }

    /// <summary>The gateway ends the connection.</summary>
    public async Task ShouldEndAsync()
    {
        try
        {
            (await _socket.ReceiveAsync(new byte[1]).WaitAsync(TunnelFleet.Patience)).ShouldBe(0);
        }
        catch (SocketException)
        {
            // By a reset.
        }
    }

    public void Dispose() => _socket.Dispose();
}
