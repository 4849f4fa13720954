using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Gateway.Bench;

namespace Mooring.Gateway.Tests.Bench;

public sealed class EchoCommandTests
{
    [Theory]
    [InlineData(null, "PORT is not set")]
    [InlineData("", "PORT ''")]
    [InlineData("70000", "PORT '70000'")]
    [InlineData("x", "PORT 'x'")]
    public async Task Run_BadPort_TellsAndFails(string? port, string message)
    {
        using var error = new StringWriter();

        (await EchoCommand.RunAsync(EchoKind.Tcp, null, port, TextWriter.Null, error, default)).ShouldBe(2);
        error.ToString().ShouldContain(message);
    }

    [Fact]
    public async Task Run_BadHost_TellsAndFails()
    {
        using var error = new StringWriter();

        (await EchoCommand.RunAsync(EchoKind.Tcp, "nowhere", "0", TextWriter.Null, error, default)).ShouldBe(2);
        error.ToString().ShouldContain("HOST 'nowhere'");
    }

    [Theory]
    [InlineData("Tcp")]
    [InlineData("WebSocket")]
    [InlineData("Udp")]
    public async Task Run_PortTaken_TellsAndFails(string kind)
    {
        var udp = kind == "Udp";
        using var owner = new Socket(
            AddressFamily.InterNetwork,
            udp ? SocketType.Dgram : SocketType.Stream,
            udp ? ProtocolType.Udp : ProtocolType.Tcp
        );
        owner.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        if (!udp)
        {
            owner.Listen();
        }

        var port = ((IPEndPoint)owner.LocalEndPoint!).Port.ToString(CultureInfo.InvariantCulture);
        using var error = new StringWriter();

        (await EchoCommand.RunAsync(Enum.Parse<EchoKind>(kind), "127.0.0.1", port, TextWriter.Null, error, default)).ShouldBe(2);
        error.ToString().ShouldBe($"cannot listen on 127.0.0.1:{port}: Address already in use{Environment.NewLine}");
    }

    [Fact]
    public async Task Tcp_EchoesAndEndsAfterThePeersEnd()
    {
        await using var echo = new RunningEcho(webSocket: false);
        using var client = new TcpClient();
        await client.ConnectAsync(echo.EndPoint, Deadline());
        var sent = new byte[300_000];
        Random.Shared.NextBytes(sent);
        var stream = client.GetStream();
        var sending = Task.Run(async () =>
        {
            await stream.WriteAsync(sent, Deadline());
            client.Client.Shutdown(SocketShutdown.Send);
        });
        using var received = new MemoryStream();
        await stream.CopyToAsync(received, Deadline());
        await sending;

        received.ToArray().ShouldBe(sent);
    }

    [Fact]
    public async Task Udp_EchoesDatagramsAndEndsWhenAsked()
    {
        using var stop = new CancellationTokenSource();
        using var echo = new UdpEcho(new IPEndPoint(IPAddress.Loopback, 0));
        var running = echo.RunAsync(stop.Token);
        using var client = new UdpClient();
        client.Connect((IPEndPoint)echo.EndPoint);
        foreach (var size in new[] { 0, 1, 65_507 })
        {
            var sent = new byte[size];
            Random.Shared.NextBytes(sent);
            await client.SendAsync(sent, Deadline());
            (await client.ReceiveAsync(Deadline())).Buffer.ShouldBe(sent);
        }

        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task WebSocket_EchoesMessagesOfAnySize()
    {
        await using var echo = new RunningEcho(webSocket: true);
        using var client = await ConnectAsync(echo);
        client.SubProtocol.ShouldBe("chat");
        foreach (var size in new[] { 0, 1, 125, 126, 65_535, 65_536, 1_000_000 })
        {
            var sent = new byte[size];
            Random.Shared.NextBytes(sent);
            var sending = client.SendAsync(sent, WebSocketMessageType.Binary, true, Deadline());
            (await ReceiveAsync(client)).ShouldBe(sent);
            await sending;
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", Deadline());
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.NormalClosure);
        client.CloseStatusDescription.ShouldBe("done");
    }

    [Fact]
    public async Task WebSocket_ManySmallFramesInOneSegment_AllComeBack()
    {
        await using var echo = new RunningEcho(webSocket: true);
        using var client = await ConnectAsync(echo);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                await client.SendAsync(Encoding.ASCII.GetBytes($"message {i}"), WebSocketMessageType.Text, true, Deadline());
            }
        });
        for (var i = 0; i < 5_000; i++)
        {
            Encoding.ASCII.GetString(await ReceiveAsync(client)).ShouldBe($"message {i}");
        }

        await sending;
    }

    [Fact]
    public async Task WebSocket_Stop_ClosesPolitely()
    {
        var echo = new RunningEcho(webSocket: true);
        using var client = await ConnectAsync(echo);
        var stopping = echo.DisposeAsync();
        var result = await client.ReceiveAsync(new byte[16], Deadline());

        result.MessageType.ShouldBe(WebSocketMessageType.Close);
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.EndpointUnavailable);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Deadline());
        await stopping;
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ")]
    [InlineData("nonsense\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task WebSocket_PlainRequest_IsAnswered(string request, string answer)
    {
        await using var echo = new RunningEcho(webSocket: true);
        using var client = new TcpClient();
        await client.ConnectAsync(echo.EndPoint, Deadline());
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Deadline());
        using var reader = new StreamReader(client.GetStream());

        (await reader.ReadToEndAsync(Deadline())).ShouldStartWith(answer);
    }

    private static async Task<ClientWebSocket> ConnectAsync(RunningEcho echo)
    {
        var client = new ClientWebSocket();
        client.Options.AddSubProtocol("chat");
        client.Options.AddSubProtocol("other");
        await client.ConnectAsync(new Uri($"ws://{echo.EndPoint}/any"), Deadline());
        return client;
    }

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket client)
    {
        using var message = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (true)
        {
            var result = await client.ReceiveAsync(buffer, Deadline());
            message.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
            {
                return message.ToArray();
            }
        }
    }

    private static CancellationToken Deadline() => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    private sealed class RunningEcho : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly EchoServer _server;
        private readonly Task _running;

        public RunningEcho(bool webSocket)
        {
            _server = new EchoServer(new IPEndPoint(IPAddress.Loopback, 0), webSocket ? WebSocketEcho.RunAsync : TcpEcho.RunAsync);
            EndPoint = (IPEndPoint)_server.EndPoint;
            _running = _server.RunAsync(TimeSpan.FromSeconds(10), _stop.Token);
        }

        public IPEndPoint EndPoint { get; }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _server.Dispose();
            _stop.Dispose();
        }
    }
}
