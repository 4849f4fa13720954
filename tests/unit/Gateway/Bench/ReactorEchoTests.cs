using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.Bench;

public sealed class ReactorEchoTests : IAsyncLifetime
{
    private readonly EngineHarness _harness = new(change: static options =>
        options with
        {
            Echoes = true,
            Upgrades = static listener => new ProxyUpgradeHandler(listener),
        }
    );

    private int _port;

    public async Task InitializeAsync()
    {
        _port = (await _harness.ListenAsync())[0];
        await _harness.ApplyAsync(ReactorEcho.Config(_port, new ReactorOptions(), connections: 100));
    }

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Fact]
    public async Task Messages_OfAnySize_ComeBack()
    {
        using var client = await ConnectAsync();
        foreach (var size in new[] { 0, 1, 125, 126, 4_096, 65_535, 65_536 })
        {
            var sent = new byte[size];
            Random.Shared.NextBytes(sent);
            var sending = client.SendAsync(sent, WebSocketMessageType.Binary, true, Deadline());
            (await RawClient.ReceiveAsync(client)).ShouldBe(sent);
            await sending;
        }

        await client.SendAsync("in "u8.ToArray(), WebSocketMessageType.Text, false, Deadline());
        await client.SendAsync("two"u8.ToArray(), WebSocketMessageType.Text, true, Deadline());
        (await RawClient.ReceiveAsync(client)).ShouldBe("in two"u8.ToArray());
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", Deadline());
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.NormalClosure);
        await _harness.NoneOpenAsync();
    }

    [Fact]
    public async Task ClientReadsLate_NothingIsLost()
    {
        // More than both sockets' buffers hold, so that the server has to stop reading.
        const int Messages = 600;
        using var client = await ConnectAsync();
        var sent = new byte[60_000];
        Random.Shared.NextBytes(sent);
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < Messages; i++)
            {
                sent[0] = (byte)i;
                await client.SendAsync((byte[])sent.Clone(), WebSocketMessageType.Binary, true, Deadline());
            }
        });
        for (var i = 0; i < Messages; i++)
        {
            var received = await RawClient.ReceiveAsync(client);
            received[0].ShouldBe((byte)i);
            received.AsSpan(1).SequenceEqual(sent.AsSpan(1)).ShouldBeTrue();
        }

        await sending;
    }

    [Fact]
    public async Task RequestByteByByte_WithAPingBehindIt_IsAnswered()
    {
        using var raw = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await raw.ConnectAsync(IPAddress.Loopback, _port, Deadline());
        byte[] ping = [0x89, 0x82, 0, 0, 0, 0, (byte)'h', (byte)'i'];
        foreach (var value in RawClient.Request)
        {
            await raw.SendAsync(new[] { value }, SocketFlags.None, Deadline());
        }

        await raw.SendAsync(ping, SocketFlags.None, Deadline());
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            head.Append((char)(await RawClient.ReadExactlyAsync(raw, 1))[0]);
        }

        head.ToString().ShouldStartWith("HTTP/1.1 101 ");
        (await RawClient.ReadExactlyAsync(raw, 4)).ShouldBe([0x8A, 2, (byte)'h', (byte)'i']);
    }

    [Fact]
    public async Task UnmaskedFrame_EndsWith1002()
    {
        using var raw = await RawClient.UpgradeAsync(_port, [0x82, 1, 7]);
        var frame = await RawClient.ReadExactlyAsync(raw, 4);
        frame[0].ShouldBe((byte)0x88);
        ((frame[2] << 8) | frame[3]).ShouldBe(1002);
        await _harness.NoneOpenAsync();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ")]
    [InlineData("nonsense\r\n\r\n", "HTTP/1.1 400 ")]
    public async Task PlainRequest_IsAnswered(string request, string answer)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _port, Deadline());
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Deadline());
        using var reader = new StreamReader(client.GetStream());

        (await reader.ReadToEndAsync(Deadline())).ShouldStartWith(answer);
    }

    private async Task<ClientWebSocket> ConnectAsync()
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{_port}/"), Deadline());
        return client;
    }

    private static CancellationToken Deadline() => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;
}
