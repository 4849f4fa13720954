using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Tests.WebSockets;

namespace Mooring.Gateway.Tests.Hub.Listening;

/// <summary>What a Hub listener answers before a WebSocket stands, on real sockets.</summary>
public sealed class HubHttpTests : IAsyncLifetime
{
    private ProxyGateway _gateway = null!;

    public async Task InitializeAsync() => _gateway = await ProxyGateway.StartAsync(Listener(), backend: null);

    public Task DisposeAsync() => _gateway.DisposeAsync().AsTask();

    [Theory]
    [InlineData("Origin: https://evil.example.net\r\n", "HTTP/1.1 403 ")]
    [InlineData("Origin: https://app.example.com:444\r\n", "HTTP/1.1 403 ")]
    [InlineData("Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n", "HTTP/1.1 400 ")]
    public async Task Origin_ThatIsNotTaken_IsRefusedAndCounted(string lines, string answer)
    {
        await _gateway.ApplyAsync(Listener("https://app.example.com", "https://*.example.org"), backend: null);
        (await _gateway.AskAsync($"GET / HTTP/1.1\r\n{Requests.Upgrade}{lines}\r\n")).ShouldStartWith(answer);
        Refused(RefusalReason.Origin).ShouldBe(1);
    }

    [Theory]
    [InlineData("https://app.example.com")]
    [InlineData("https://a.b.example.org")]
    [InlineData(null)]
    public async Task Origin_ThatIsTaken_OrOfNoBrowser_Connects(string? origin)
    {
        await _gateway.ApplyAsync(Listener("https://app.example.com", "https://*.example.org"), backend: null);
        using var client = await _gateway.ConnectAsync(configure: options =>
        {
            if (origin is not null)
            {
                options.SetRequestHeader("Origin", origin);
            }
        });
        (await ConnectHubAsync(client)).ShouldContain("\"client\":");
    }

    [Fact]
    public async Task Head_ThatDoesNotCome_Is408_CountedOnce()
    {
        await _gateway.ApplyAsync(Listener() with { HandshakeTimeout = TimeSpan.FromMilliseconds(200) }, backend: null);
        (await _gateway.AskAsync("GET / HTTP/1.1\r\n")).ShouldStartWith("HTTP/1.1 408 ");
        Refused(RefusalReason.HandshakeTimeout).ShouldBe(1);
        Refused(RefusalReason.BadRequest).ShouldBe(0);
    }

    [Fact]
    public async Task Api_WithoutKeys_IsOff()
    {
        (await _gateway.AskAsync("POST /api/info HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")).ShouldStartWith(
            "HTTP/1.1 404 "
        );
        Refused(RefusalReason.BadRequest).ShouldBe(1);
    }

    private static WebSocketListenerConfig Listener(params string[] origins) =>
        new()
        {
            Mode = WebSocketMode.Hub,
            Origins = origins,
            Hub = new HubConfig { Anonymous = true },
        };

    private static async Task<string> ConnectHubAsync(ClientWebSocket client)
    {
        await client.SendAsync(
            Encoding.UTF8.GetBytes("""{"id":1,"connect":{}}"""),
            WebSocketMessageType.Text,
            endOfMessage: true,
            ProxyGateway.Deadline()
        );
        var buffer = new byte[4096];
        var got = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
        return Encoding.UTF8.GetString(buffer, 0, got.Count);
    }

    private long Refused(RefusalReason reason) =>
        _gateway.Engine.ListenerLoads()[0].RefusedTotal.GetValueOrDefault(RefusalReasons.Name(reason));
}
