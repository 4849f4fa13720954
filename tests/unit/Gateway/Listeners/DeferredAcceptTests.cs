using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Where clients speak first, a connection is accepted with its first bytes.</summary>
public sealed class DeferredAcceptTests
{
    // linux/tcp.h.
    private const int Tcp = 6;
    private const int DeferAccept = 9;

    [Fact]
    public async Task Connection_ComesWithItsFirstByte_WhereClientsSpeakFirst()
    {
        using var socket = Listening(out var port);
        Configure(socket, clientSpeaksFirst: true);
        using var client = await EngineHarness.ConnectAsync(port);
        // On loopback whoever is connected is in the queue by now, or is kept out of it.
        Should.Throw<SocketException>(socket.Accept).SocketErrorCode.ShouldBe(SocketError.WouldBlock);
        await client.SendAsync(new byte[1]);
        using var accepted = socket.Accept();
        accepted.Available.ShouldBe(1);
    }

    [Fact]
    public async Task Connection_ComesAtOnce_WhereServersMaySpeakFirst_AlsoIfItWasNotSoBefore()
    {
        using var socket = Listening(out var port);
        Configure(socket, clientSpeaksFirst: true);
        Configure(socket, clientSpeaksFirst: false);
        using var client = await EngineHarness.ConnectAsync(port);
        using var accepted = socket.Accept();
        accepted.Available.ShouldBe(0);
    }

    [Fact]
    public async Task ClientThatIsSilent_IsAcceptedInTheEnd()
    {
        using var socket = Listening(out var port);
        Configure(socket, clientSpeaksFirst: true);
        using var client = await EngineHarness.ConnectAsync(port);
        socket.Poll(EngineHarness.Patience, SelectMode.SelectRead).ShouldBeTrue();
        using var accepted = socket.Accept();
        accepted.Available.ShouldBe(0);
    }

    [Fact]
    public async Task Listener_WaitsForBytes_WhenItsProtocolIsTheClientsToBegin()
    {
        await using var gateway = new EngineHarness(1, options => options with { Upgrades = static one => new ProxyUpgradeHandler(one) });
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, 9);
        var listener = config.Listeners[0];
        var seconds = new List<int>();
        foreach (
            var next in (ListenerConfig[])
                [
                    listener,
                    listener with
                    {
                        Protocol = ListenerProtocol.WebSocket,
                    },
                    listener,
                    listener with
                    {
                        Tls = new TlsListenerConfig { Mode = TlsMode.Passthrough },
                    },
                ]
        )
        {
            await gateway.ApplyAsync(config with { Listeners = [next] });
            var value = new byte[sizeof(int)];
            gateway.Owned[0].GetRawSocketOption(Tcp, DeferAccept, value);
            seconds.Add(BitConverter.ToInt32(value));
        }

        seconds.ShouldBe([0, 1, 0, 1]);
    }

    private static Socket Listening(out int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        return socket;
    }

    private static void Configure(Socket socket, bool clientSpeaksFirst) =>
        ListenSocket.Adopt((int)socket.SafeHandle.DangerousGetHandle()).Configure(new TcpSocketOptions(null, 0), clientSpeaksFirst);
}
