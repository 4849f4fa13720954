using System.Buffers.Text;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub.Listening;

/// <summary>What a Hub listener answers before a WebSocket stands, on real sockets.</summary>
public sealed class HubHttpTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-more-than-sixteen-bytes";
    private readonly string _secret = Path.GetTempFileName();
    private ProxyGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        await File.WriteAllTextAsync(_secret, Secret);
        _gateway = await ProxyGateway.StartAsync(Listener(), backend: null);
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        File.Delete(_secret);
    }

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

    [Fact]
    public async Task Api_WhileItDrains_ClosesWithTheNextAnswer()
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        using var reader = new StreamReader(client.GetStream());
        var request = Encoding.ASCII.GetBytes(
            $"POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: {Secret}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        await client.GetStream().WriteAsync(request, ProxyGateway.Deadline());
        var head = new List<string>();
        while (await reader.ReadLineAsync(ProxyGateway.Deadline()) is { Length: > 0 } line)
        {
            head.Add(line);
        }

        head[0].ShouldBe("HTTP/1.1 200 OK");
        head.ShouldNotContain("Connection: close");
        var body = new char[
            int.Parse(
                head.Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal))[16..],
                CultureInfo.InvariantCulture
            )
        ];
        (await reader.ReadBlockAsync(body, ProxyGateway.Deadline())).ShouldBe(body.Length);

        await _gateway.Engine.SetModeAsync(AcceptMode.Pause);
        await client.GetStream().WriteAsync(request, ProxyGateway.Deadline());
        var rest = await reader.ReadToEndAsync(ProxyGateway.Deadline());
        rest.ShouldStartWith("HTTP/1.1 200 OK");
        rest.ShouldContain("\r\nConnection: close\r\n");
        client.Close();
        await Until.TrueAsync(() => Task.FromResult(_gateway.Engine.Connections == 0), TimeSpan.FromSeconds(60), "nothing holds the drain");
    }

    [Fact]
    public async Task Api_ClientAsksBeforeItSendsTheBody_IsToldToGoOn()
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        using var reader = new StreamReader(client.GetStream());
        foreach (var connection in new[] { "keep-alive", "close" })
        {
            await client
                .GetStream()
                .WriteAsync(
                    Encoding.ASCII.GetBytes(
                        $"POST /api/history_remove HTTP/1.1\r\nHost: a\r\nX-API-Key: {Secret}\r\nExpect: 100-continue\r\n"
                            + $"Connection: {connection}\r\nContent-Length: 15\r\n\r\n"
                    ),
                    ProxyGateway.Deadline()
                );
            (await reader.ReadLineAsync(ProxyGateway.Deadline())).ShouldBe("HTTP/1.1 100 Continue");
            (await reader.ReadLineAsync(ProxyGateway.Deadline())).ShouldBe("");
            await client.GetStream().WriteAsync("""{"channel":"a"}"""u8.ToArray(), ProxyGateway.Deadline());
            (await reader.ReadLineAsync(ProxyGateway.Deadline())).ShouldBe("HTTP/1.1 200 OK");
            while (await reader.ReadLineAsync(ProxyGateway.Deadline()) is { Length: > 0 })
            {
                // The rest of the head.
            }

            var body = new char["""{"result":{}}""".Length];
            (await reader.ReadBlockAsync(body, ProxyGateway.Deadline())).ShouldBe(body.Length);
            new string(body).ShouldBe("""{"result":{}}""");
        }
    }

    [Fact]
    public async Task Api_BodyComesInChunks_AsDotNetSendsJson_IsAnswered()
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_gateway.Port}/api/") };
        client.DefaultRequestHeaders.Add("X-API-Key", Secret);
        client.DefaultRequestHeaders.ConnectionClose = false;
        for (var i = 0; i < 3; i++)
        {
            // The third is told to go on first.
            client.DefaultRequestHeaders.ExpectContinue = i == 2;
            var request = new { channel = "chat:a", data = new string('x', 50_000) };
            using var answer = await client.PostAsJsonAsync("publish", request, ProxyGateway.Deadline());
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            (await answer.Content.ReadAsStringAsync()).ShouldBe("""{"result":{}}""");
        }

        _gateway.Engine.Connections.ShouldBe(1);
    }

    [Theory]
    [InlineData("close")]
    [InlineData("keep-alive")]
    public async Task Api_ClientEndsItsSideBehindTheRequest_GetsTheWholeAnswer(string connection)
    {
        const int publications = 12;
        const int size = 500_000;
        var hub = WithApi();
        await _gateway.ApplyAsync(
            hub with
            {
                Hub = hub.Hub! with
                {
                    Namespaces =
                    [
                        new HubNamespaceConfig
                        {
                            Name = "chat",
                            History = new HubHistoryConfig { Size = publications, Ttl = TimeSpan.FromMinutes(5) },
                        },
                    ],
                },
            },
            backend: null
        );
        for (var i = 0; i < publications; i++)
        {
            (await CallAsync("publish", $$"""{"channel":"chat:a","data":"{{new string('x', size)}}"}""")).ShouldStartWith("HTTP/1.1 200 ");
        }

        // The gateway's socket cannot take all of it before this one reads.
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _gateway.Port), ProxyGateway.Deadline());
        await using var stream = new NetworkStream(client);
        const string body = """{"channel":"chat:a","limit":100}""";
        await client.SendAsync(
            Encoding.ASCII.GetBytes(
                $"POST /api/history HTTP/1.1\r\nHost: a\r\nX-API-Key: {Secret}\r\nConnection: {connection}\r\n"
                    + $"Content-Length: {body.Length}\r\n\r\n{body}"
            ),
            ProxyGateway.Deadline()
        );
        client.Shutdown(SocketShutdown.Send);

        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(ProxyGateway.Deadline());
        answer.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        answer.Length.ShouldBeGreaterThan(publications * size);
        var head = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        answer[..head].ShouldContain($"\r\nContent-Length: {answer.Length - head}\r\n");
        await Until.TrueAsync(() => _gateway.Engine.Connections == 0, TimeSpan.FromSeconds(20), "it is closed, and not by its timer");
    }

    [Theory]
    [InlineData("POST", "Connection: close\r\n\r\n", "HTTP/1.1 200 OK")]
    [InlineData("POST", "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 Bad Request")]
    [InlineData("POST", "Transfer-Encoding: gzip, chunked\r\n\r\n", "HTTP/1.1 501 Not Implemented")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\n\r\nx\r\n", "HTTP/1.1 400 Bad Request")]
    [InlineData("POST", "Transfer-Encoding: chunked\r\n\r\n100001\r\n", "HTTP/1.1 413 Content Too Large")]
    [InlineData("POST", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 400 Bad Request")]
    [InlineData("POST", "Content-Length: 1048577\r\n\r\n", "HTTP/1.1 413 Content Too Large")]
    [InlineData("GET", "\r\n", "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n", "\r\nAllow: POST\r\n")]
    public async Task Api_Framing_IsTakenOrRefused(string method, string rest, string answer, string also = "")
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);

        var got = await _gateway.AskAsync($"{method} /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: {Secret}\r\n{rest}");

        got.ShouldStartWith(answer);
        got.ShouldContain(also);
    }

    [Fact]
    public async Task Api_WithoutAKnownKey_SaysWhichScheme()
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);

        var got = await _gateway.AskAsync("POST /api/info HTTP/1.1\r\nHost: a\r\nX-API-Key: another\r\n\r\n");

        got.ShouldStartWith("HTTP/1.1 401 Unauthorized\r\n");
        got.ShouldContain("\r\nWWW-Authenticate: apikey\r\n");
    }

    [Theory]
    [InlineData("publish", """{"channel":"\ud800","data":1}""")]
    [InlineData("publish", """{"channel":"a","data":1,"tags":{"\ud800":"a"}}""")]
    [InlineData("broadcast", """{"channels":["\ud800"],"data":1}""")]
    [InlineData("disconnect", """{"user":"\ud800"}""")]
    public async Task Api_TextIsHalfASurrogatePair_IsTheCallersMistake(string method, string body)
    {
        await _gateway.ApplyAsync(WithApi(), backend: null);

        (await CallAsync(method, body)).ShouldStartWith("HTTP/1.1 400 ");

        var batch = await CallAsync("batch", $$$"""{"commands":[{"{{{method}}}":{{{body}}}},{"info":{}}]}""");
        batch.ShouldStartWith("HTTP/1.1 200 ");
        batch.ShouldContain("""{"replies":[{"error":{"code":107,""");
        batch.ShouldContain("""{"info":{"nodes":[""");
    }

    [Fact]
    public async Task PerUser_AcrossGateways_IsTheFleetsLimit()
    {
        await using var other = await ProxyGateway.StartAsync(Listener(), backend: null);
        await using var registry = new MemoryRegistry(TimeProvider.System);
        await using var here = new FleetIdentities(registry, _gateway.Engine.Identities, "here", TimeProvider.System);
        await using var there = new FleetIdentities(registry, other.Engine.Identities, "there", TimeProvider.System);
        _gateway.Capacity = other.Capacity = new CapacityConfig { PerUser = 2 };
        await _gateway.ApplyAsync(WithTokens(), backend: null);
        await other.ApplyAsync(WithTokens(), backend: null);

        using var first = await _gateway.ConnectAsync();
        (await ConnectHubAsync(first, "ann")).ShouldContain("\"client\":");
        using var second = await other.ConnectAsync();
        (await ConnectHubAsync(second, "ann")).ShouldContain("\"client\":");
        foreach (var gateway in new[] { _gateway, other })
        {
            using var third = await gateway.ConnectAsync();
            (await ConnectHubAsync(third, "ann")).ShouldBe("3504");
            using var somebody = await gateway.ConnectAsync();
            (await ConnectHubAsync(somebody, "bob")).ShouldContain("\"client\":");
            Refused(gateway, RefusalReason.PerUser).ShouldBe(1);
        }

        await second.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        await Until.TrueAsync(
            async () =>
            {
                using var again = await _gateway.ConnectAsync();
                return (await ConnectHubAsync(again, "ann")).Contains("\"client\":", StringComparison.Ordinal);
            },
            TimeSpan.FromSeconds(60),
            "the place that ended there is free here"
        );
    }

    private Task<string> CallAsync(string method, string body) =>
        _gateway.AskAsync(
            $"POST /api/{method} HTTP/1.1\r\nHost: a\r\nX-API-Key: {Secret}\r\nConnection: close\r\n"
                + $"Content-Length: {body.Length}\r\n\r\n{body}"
        );

    private WebSocketListenerConfig WithApi() =>
        Listener() with
        {
            Hub = new HubConfig
            {
                Anonymous = true,
                ApiKeyFiles = [_secret],
                Namespaces = [new HubNamespaceConfig { Name = "chat" }],
            },
        };

    private WebSocketListenerConfig WithTokens() =>
        Listener() with
        {
            Hub = new HubConfig { Jwt = new JwtConfig { HmacSecretFile = _secret } },
        };

    private static string Token(string user)
    {
        static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
        var body = Encode("""{"alg":"HS256"}""") + "." + Encode($$"""{"sub":"{{user}}"}""");
        return $"{body}.{Base64Url.EncodeToString(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.ASCII.GetBytes(body)))}";
    }

    private static WebSocketListenerConfig Listener(params string[] origins) =>
        new()
        {
            Mode = WebSocketMode.Hub,
            Origins = origins,
            Hub = new HubConfig { Anonymous = true },
        };

    /// <summary>The reply, or the code of the close frame.</summary>
    private static async Task<string> ConnectHubAsync(ClientWebSocket client, string? user = null)
    {
        await client.SendAsync(
            Encoding.UTF8.GetBytes(user is null ? """{"id":1,"connect":{}}""" : $$$"""{"id":1,"connect":{"token":"{{{Token(user)}}}"}}"""),
            WebSocketMessageType.Text,
            endOfMessage: true,
            ProxyGateway.Deadline()
        );
        var buffer = new byte[4096];
        var got = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
        return got.CloseStatus is { } code ? $"{(int)code}" : Encoding.UTF8.GetString(buffer, 0, got.Count);
    }

    private long Refused(RefusalReason reason) => Refused(_gateway, reason);

    private static long Refused(ProxyGateway gateway, RefusalReason reason) =>
        gateway.Engine.ListenerLoads()[0].RefusedTotal.GetValueOrDefault(RefusalReasons.Name(reason));
}
