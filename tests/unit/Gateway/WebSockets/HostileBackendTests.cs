using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>Backends that answer an upgrade as no server should.</summary>
public sealed class HostileBackendTests
{
    private const string Request = $"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n";

    [Fact]
    public async Task InterimAnswersWithoutEnd_TimeOutAsAnyOther()
    {
        var interim = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10_000)));
        using var server = new TestServer(async socket =>
        {
            while (true)
            {
                await socket.SendAllAsync(interim, ProxyGateway.Deadline());
            }
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromMilliseconds(300));
        (await gateway.AskAsync(Request)).ShouldStartWith("HTTP/1.1 504 ");
        await NoneOpenAsync(gateway);
        gateway.Engine.BackendLoads()[0].Traffic.ClosedTotal.ShouldBe(new Dictionary<string, long> { ["handshake_timeout"] = 1 });
    }

    [Fact]
    public async Task Declined_IsAnEndForItsBackendToo()
    {
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAllAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"u8.ToArray(), ProxyGateway.Deadline());
            await socket.ReceiveAsync(new byte[4096]);
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromSeconds(20));
        (await gateway.AskAsync(Request)).ShouldStartWith("HTTP/1.1 403 ");
        await NoneOpenAsync(gateway);
        gateway.Engine.BackendLoads()[0].Traffic.ClosedTotal.ShouldBe(new Dictionary<string, long> { ["answered"] = 1 });
    }

    /// <summary>Its client is dead, and its answer to the close frame is waited for as long as ever: what the backend sends meanwhile is no sign of life.</summary>
    [Fact]
    public async Task BackendThatGoesOnSending_ClientThatDoesNotAnswerACloseFrame_EndsInItsTime()
    {
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAllAsync(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"u8.ToArray(),
                ProxyGateway.Deadline()
            );
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            while (await pace.WaitForNextTickAsync())
            {
                await socket.SendAllAsync(new byte[] { 0x82, 1, 7 }, ProxyGateway.Deadline());
            }
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromSeconds(20));
        using var client = await RawClient.UpgradeAsync(gateway.Port);
        await gateway.Engine.CloseAsync(
            await gateway.Engine.ListConnectionsAsync(),
            new CloseOrder(CloseReason.Drained, new WebSocketClose(1012, "draining"))
        );

        await Until.TrueAsync(
            () => gateway.Engine.Connections == 0,
            TimeSpan.FromSeconds(20),
            "5 s for the client, and 5 s for the backend"
        );
    }

    /// <summary>Before its frame has ended the client cannot be told to close, and as long as it comes nobody is late.</summary>
    [Fact]
    public async Task BackendAmidALongFrame_ClientToBeClosed_GetsTheWholeOfItAndThenTheCloseFrame()
    {
        const int Piece = 200;
        const int Pieces = 120;
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAllAsync(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"u8.ToArray(),
                ProxyGateway.Deadline()
            );
            await socket.SendAllAsync(new byte[] { 0x82, 126, Piece * Pieces >> 8, Piece * Pieces & 0xff }, ProxyGateway.Deadline());
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            for (var sent = 0; sent < Pieces && await pace.WaitForNextTickAsync(); sent++)
            {
                await socket.SendAllAsync(new byte[Piece], ProxyGateway.Deadline());
            }

            await socket.ReceiveAsync(new byte[4096]);
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromSeconds(20));
        using var client = await RawClient.UpgradeAsync(gateway.Port);
        await RawClient.ReadExactlyAsync(client, 4);
        await gateway.Engine.CloseAsync(
            await gateway.Engine.ListConnectionsAsync(),
            new CloseOrder(CloseReason.Drained, new WebSocketClose(1012, "draining"))
        );
        (await RawClient.ReadExactlyAsync(client, Piece * Pieces)).ShouldAllBe(one => one == 0);
        (await RawClient.ReadExactlyAsync(client, 4)).ShouldBe([0x88, 10, 1012 >> 8, 1012 & 0xff]);
    }

    [Fact]
    public async Task BodyUntilClose_CutOffByAReset_DoesNotLookWhole()
    {
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            await socket.SendAllAsync("HTTP/1.1 403 Forbidden\r\n\r\nhalf of"u8.ToArray(), ProxyGateway.Deadline());
            await socket.ReceiveAsync(new byte[4096]);
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromSeconds(20));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, gateway.Port, ProxyGateway.Deadline());
        await client.SendAllAsync(Encoding.ASCII.GetBytes(Request), ProxyGateway.Deadline());
        var text = "";
        var buffer = new byte[4096];
        while (!text.EndsWith("half of", StringComparison.Ordinal))
        {
            text += Encoding.ASCII.GetString(buffer, 0, await client.ReceiveAsync(buffer, ProxyGateway.Deadline()));
        }

        server.Abort();
        (
            await Should.ThrowAsync<SocketException>(async () => await client.ReceiveAsync(buffer, ProxyGateway.Deadline()))
        ).SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await NoneOpenAsync(gateway);
    }

    [Fact]
    public async Task CloseFrame_OfABackendThatReadsNoFurther_ReachesTheClient()
    {
        byte[] close = [0x88, 2, 1009 >> 8, 1009 & 0xff];
        var refuses = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            var answer =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            await socket.SendAllAsync(Encoding.ASCII.GetBytes(answer), ProxyGateway.Deadline());
            await socket.ReceiveAsync(new byte[1]);
            await refuses.Task;
            await socket.SendAllAsync(close, ProxyGateway.Deadline());
            // With bytes unread: RST is right behind the frame.
            socket.Dispose();
            refused.SetResult();
        });
        await using var gateway = await StartAsync(server, TimeSpan.FromSeconds(20));
        using var client = await RawClient.UpgradeAsync(gateway.Port);
        byte[] message = [0x82, 0x81, 0, 0, 0, 0, 1];
        await client.SendAllAsync(message, ProxyGateway.Deadline());
        await Until.TrueAsync(() => gateway.Engine.BackendLoads()[0].SentBytesTotal > 0, EngineHarness.Patience, "a message is through");
        var held = await Task.WhenAll(gateway.Engine.Loops.Select(HeldLoop.BeginAsync));
        // Read before the backend's end is looked at, it cannot be written any more.
        await client.SendAllAsync(message, ProxyGateway.Deadline());
        refuses.SetResult();
        await refused.Task.WaitAsync(EngineHarness.Patience);
        Array.ForEach(held, static one => one.Dispose());
        (await RawClient.ReadExactlyAsync(client, close.Length)).ShouldBe(close);
        await NoneOpenAsync(gateway);
    }

    [Fact]
    public async Task ClientAtOnceGone_InEveryPhase_LeavesNothingOpen()
    {
        using var silent = new TestServer(async socket =>
        {
            while (await socket.ReceiveAsync(new byte[4096]) > 0) { }
        });
        await using var gateway = await StartAsync(silent, TimeSpan.FromSeconds(1));
        var request = Encoding.ASCII.GetBytes(Request);
        foreach (var length in new[] { 0, 1, request.Length / 2, request.Length })
        {
            foreach (var reset in new[] { false, true })
            {
                using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                await client.ConnectAsync(IPAddress.Loopback, gateway.Port, ProxyGateway.Deadline());
                await client.SendAllAsync(request.AsMemory(0, length), ProxyGateway.Deadline());
                client.LingerState = new LingerOption(reset, 0);
            }
        }

        await NoneOpenAsync(gateway);
        gateway.Engine.BackendLoads()[0].Endpoints[0].Connections.ShouldBe(0);
    }

    private static Task<ProxyGateway> StartAsync(TestServer server, TimeSpan handshake) =>
        ProxyGateway.StartAsync(
            new WebSocketListenerConfig { HandshakeTimeout = handshake },
            "app",
            ProxyGateway.Backend("app", server.Port)
        );

    private static Task NoneOpenAsync(ProxyGateway gateway) =>
        Until.TrueAsync(() => gateway.Engine.Connections == 0, EngineHarness.Patience, "no connection is left");
}
