using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class ProxyTests : IAsyncLifetime
{
    private EchoBackend _backend = null!;
    private ProxyGateway _gateway = null!;

    public async Task InitializeAsync()
    {
        _backend = await EchoBackend.StartAsync();
        _gateway = await ProxyGateway.StartAsync(new WebSocketListenerConfig(), "app", ProxyGateway.Backend("app", _backend.Port));
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _backend.DisposeAsync();
    }

    [Fact]
    public async Task Messages_OfAnySize_ComeBack()
    {
        using var client = await _gateway.ConnectAsync();
        foreach (var size in new[] { 0, 1, 125, 126, 65_535, 65_536, 8_000_000 })
        {
            var sent = new byte[size];
            Random.Shared.NextBytes(sent);
            var sending = client.SendAsync(sent, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            (await RawClient.ReceiveAsync(client)).ShouldBe(sent);
            await sending;
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", ProxyGateway.Deadline());
        client.CloseStatus.ShouldBe(WebSocketCloseStatus.NormalClosure);
        var (status, description, _) = await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline());
        status.ShouldBe(WebSocketCloseStatus.NormalClosure);
        description.ShouldBe("done");
    }

    [Fact]
    public async Task ManySmallMessages_StayInOrder()
    {
        using var client = await _gateway.ConnectAsync();
        var sending = Task.Run(async () =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                await client.SendAsync(BitConverter.GetBytes(i), WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            }
        });
        for (var i = 0; i < 10_000; i++)
        {
            BitConverter.ToInt32(await RawClient.ReceiveAsync(client)).ShouldBe(i);
        }

        await sending;
    }

    /// <summary>Half a connection is of no use to a WebSocket.</summary>
    [Fact]
    public async Task Waiting_ClientThatEnds_GivesUpItsPlaceInTheQueue()
    {
        var backend = ProxyGateway.Backend("app", _backend.Port) with
        {
            MaxConnectionsPerEndpoint = 1,
            Queue = new QueueConfig { MaxLength = 1, Timeout = TimeSpan.FromMinutes(1) },
        };
        await _gateway.ApplyAsync(new WebSocketListenerConfig(), "app", backend);
        using var holder = await _gateway.ConnectAsync();
        using var first = await EngineHarness.ConnectAsync(_gateway.Port);
        await first.SendAsync(RawClient.Request);
        await Until.TrueAsync(() => _gateway.Engine.BackendLoads()[0].Queue!.Length == 1, EngineHarness.Patience, "the first waits");
        first.Shutdown(SocketShutdown.Send);
        await Until.TrueAsync(
            () => _gateway.Engine.BackendLoads()[0].Queue is { Length: 0, LeftTotal: 1 },
            EngineHarness.Patience,
            "the first is gone"
        );
        var second = _gateway.ConnectAsync();
        await Until.TrueAsync(() => _gateway.Engine.BackendLoads()[0].Queue!.Length == 1, EngineHarness.Patience, "the second waits");
        await holder.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        (await second).Dispose();
    }

    [Fact]
    public async Task Handshake_BackendSeesTheClient()
    {
        using var client = await _gateway.ConnectAsync(
            "/a%20b?x=1",
            options =>
            {
                options.SetRequestHeader("Host", "fleet.example:81");
                options.SetRequestHeader("X-Forwarded-For", "203.0.113.9");
                options.SetRequestHeader("X-Forwarded-Proto", "https");
                options.SetRequestHeader("Authorization", "Bearer t");
            }
        );

        _backend.Requests.TryDequeue(out var request).ShouldBeTrue();
        request.Target.ShouldBe("/a%20b?x=1");
        request.Headers.Host.ToString().ShouldBe("fleet.example:81");
        request.Headers["X-Forwarded-For"].ToString().ShouldBe("203.0.113.9, 127.0.0.1");
        request.Headers["X-Forwarded-Proto"].ToString().ShouldBe("http");
        request.Headers["X-Forwarded-Host"].ToString().ShouldBe("fleet.example:81");
        request.Headers["X-Forwarded-Port"].ToString().ShouldBe($"{_gateway.Port}");
        request.Headers["X-Real-IP"].ToString().ShouldBe("127.0.0.1");
        request.Headers["X-Request-Id"].ToString().ShouldMatch("^[0-9a-f]{32}$");
        request.Headers.Authorization.ToString().ShouldBe("Bearer t");
    }

    [Fact]
    public async Task Subprotocol_IsTheBackendsChoice()
    {
        using var client = await _gateway.ConnectAsync(
            "/",
            options =>
            {
                options.AddSubProtocol("first");
                options.AddSubProtocol("second");
            }
        );

        client.SubProtocol.ShouldBe("second");
    }

    [Fact]
    public async Task Compression_IsBetweenTheEnds()
    {
        using var client = await _gateway.ConnectAsync("/", options => options.DangerousDeflateOptions = new WebSocketDeflateOptions());
        client.HttpResponseHeaders!["Sec-WebSocket-Extensions"].ShouldHaveSingleItem().ShouldContain("permessage-deflate");
        var sent = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("compressible ", 50_000)));
        await client.SendAsync(sent, WebSocketMessageType.Text, true, ProxyGateway.Deadline());

        (await RawClient.ReceiveAsync(client)).ShouldBe(sent);
        _gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal.ShouldBeLessThan(sent.Length / 2);
    }

    [Fact]
    public async Task PingAndPong_Pass()
    {
        using var raw = await RawAsync();
        var frame = new byte[FrameHeader.MaxSize];
        var size = FrameHeader.Write(frame, 0x89, 2, 0);
        await raw.SendAllAsync(frame.AsMemory(0, size), ProxyGateway.Deadline());
        await raw.SendAllAsync("hi"u8.ToArray(), ProxyGateway.Deadline());

        (await RawClient.ReadExactlyAsync(raw, 4)).ShouldBe([0x8A, 2, (byte)'h', (byte)'i']);
    }

    [Fact]
    public async Task FramesBehindTheHead_ReachTheBackend()
    {
        var frame = new byte[FrameHeader.MaxSize];
        var size = FrameHeader.Write(frame, 0x82, 3, 0);
        using var raw = await RawAsync([.. frame.AsSpan(0, size), 1, 2, 3]);

        (await RawClient.ReadExactlyAsync(raw, 5)).ShouldBe([0x82, 3, 1, 2, 3]);
    }

    [Fact]
    public async Task BackendCloses_ClientSeesItsCodeAndReason()
    {
        using var client = await _gateway.ConnectAsync("/goodbye");
        var result = await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline());

        result.MessageType.ShouldBe(WebSocketMessageType.Close);
        ((int)client.CloseStatus!).ShouldBe(4001);
        client.CloseStatusDescription.ShouldBe("backend's reason");
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
    }

    [Fact]
    public async Task ClientVanishes_BackendIsTold()
    {
        var raw = await RawAsync();
        raw.LingerState = new LingerOption(true, 0);
        raw.Dispose();

        (await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline())).Status.ShouldBeNull();
    }

    [Theory]
    [InlineData("/refuse", HttpStatusCode.Forbidden)]
    [InlineData("/refuse-chunked", HttpStatusCode.Unauthorized)]
    public async Task BackendRefuses_ClientSeesTheStatus(string path, HttpStatusCode status)
    {
        using var client = new ClientWebSocket();
        client.Options.CollectHttpResponseDetails = true;
        await Should.ThrowAsync<WebSocketException>(() =>
            client.ConnectAsync(new Uri($"ws://127.0.0.1:{_gateway.Port}{path}"), ProxyGateway.Deadline())
        );

        client.HttpStatusCode.ShouldBe(status);
    }

    [Fact]
    public async Task BackendRefuses_AnswerComesWhole()
    {
        var answer = await _gateway.AskAsync($"GET /refuse HTTP/1.1\r\n{Requests.Upgrade}\r\n");
        answer.ShouldStartWith("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n");
        answer.ShouldContain("X-Why: because\r\n");
        answer.ShouldContain("not you");

        var chunked = await _gateway.AskAsync($"GET /refuse-chunked HTTP/1.1\r\n{Requests.Upgrade}\r\n");
        chunked.ShouldContain("Transfer-Encoding: chunked\r\n");
        chunked.Count(character => character == 'x').ShouldBe(200_000);
        chunked.ShouldEndWith("\r\n0\r\n\r\n");
    }

    [Theory]
    [InlineData("GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 426)]
    [InlineData("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx", 405)]
    [InlineData("GET /a/../b HTTP/1.1\r\n" + Requests.Upgrade + "\r\n", 400)]
    [InlineData("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400)]
    [InlineData("\x16\x03\x01\x02", 400)]
    [InlineData("PRI * HTTP/2.0\r\n\r\n", 505)]
    public async Task WrongRequest_IsAnswered(string request, int status) =>
        (await _gateway.AskAsync(request)).ShouldStartWith($"HTTP/1.1 {status} ");

    [Fact]
    public async Task HeadTooLong_Is431() =>
        (await _gateway.AskAsync("GET / HTTP/1.1\r\nA: " + new string('x', 20_000))).ShouldStartWith("HTTP/1.1 431 ");

    [Fact]
    public async Task HeadInPieces_IsPutTogether()
    {
        using var raw = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await raw.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        foreach (var piece in Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n").Chunk(7))
        {
            await raw.SendAllAsync(piece, ProxyGateway.Deadline());
        }

        Encoding.ASCII.GetString(await RawClient.ReadExactlyAsync(raw, 12)).ShouldBe("HTTP/1.1 101");
    }

    [Fact]
    public async Task SlowHead_Is408()
    {
        await _gateway.ApplyAsync(
            new WebSocketListenerConfig { HandshakeTimeout = TimeSpan.FromMilliseconds(300) },
            "app",
            ProxyGateway.Backend("app", _backend.Port)
        );

        (await _gateway.AskAsync("GET / HTTP/1.1\r\n")).ShouldStartWith("HTTP/1.1 408 ");
    }

    [Fact]
    public async Task NoBackend_IsUnavailable()
    {
        using var closed = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        closed.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await _gateway.ApplyAsync(
            new WebSocketListenerConfig(),
            "app",
            ProxyGateway.Backend("app", ((IPEndPoint)closed.LocalEndPoint!).Port)
        );
        (await _gateway.AskAsync($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n")).ShouldStartWith("HTTP/1.1 502 ");

        await _gateway.ApplyAsync(new WebSocketListenerConfig(), "app", new BackendConfig { Name = "app", Source = EndpointSource.Pushed });
        (await _gateway.AskAsync($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n")).ShouldStartWith("HTTP/1.1 503 ");
    }

    [Fact]
    public async Task Routes_ChooseTheBackend()
    {
        await using var other = await EchoBackend.StartAsync();
        await _gateway.ApplyAsync(
            new WebSocketListenerConfig
            {
                Routes =
                [
                    new RouteConfig
                    {
                        Hosts = ["*.example.com"],
                        PathPrefix = "/chat",
                        Backend = "app",
                    },
                    new RouteConfig { PathPrefix = "/other", Backend = "other" },
                ],
            },
            null,
            ProxyGateway.Backend("app", _backend.Port),
            ProxyGateway.Backend("other", other.Port)
        );

        using var first = await _gateway.ConnectAsync("/chat/room?x", options => options.SetRequestHeader("Host", "a.Example.com"));
        using var second = await _gateway.ConnectAsync("/%6Fther/x");
        _backend.Requests.ShouldHaveSingleItem().Target.ShouldBe("/chat/room?x");
        other.Requests.ShouldHaveSingleItem().Target.ShouldBe("/other/x");
        (await _gateway.AskAsync($"GET /nowhere HTTP/1.1\r\n{Requests.Upgrade}\r\n")).ShouldStartWith("HTTP/1.1 404 ");
    }

    [Fact]
    public async Task Affinity_CookieLeadsBackToTheEndpoint()
    {
        await using var other = await EchoBackend.StartAsync();
        var listener = new WebSocketListenerConfig { Balancing = BalancingPolicy.RoundRobin, Affinity = new AffinityConfig() };
        await _gateway.ApplyAsync(listener, "app", ProxyGateway.Backend("app", _backend.Port, other.Port));
        using var first = await _gateway.ConnectAsync();
        var cookie = first.HttpResponseHeaders!["Set-Cookie"].ShouldHaveSingleItem().Split(';')[0];
        cookie.ShouldMatch("^mooring=[0-9a-f]{16}$");
        var chosen = _backend.Requests.IsEmpty ? other : _backend;
        for (var i = 0; i < 6; i++)
        {
            using var again = await _gateway.ConnectAsync("/", options => options.SetRequestHeader("Cookie", "a=b; " + cookie));
            again.HttpResponseHeaders!.ContainsKey("Set-Cookie").ShouldBeFalse();
        }

        chosen.Requests.Count.ShouldBe(7);

        // The endpoint leaves: the client is balanced anew and gets another cookie.
        await _gateway.ApplyAsync(listener, "app", ProxyGateway.Backend("app", (chosen == other ? _backend : other).Port));
        using var moved = await _gateway.ConnectAsync("/", options => options.SetRequestHeader("Cookie", cookie));
        moved.HttpResponseHeaders!["Set-Cookie"].ShouldHaveSingleItem().ShouldNotStartWith(cookie);
    }

    private Task<Socket> RawAsync(byte[]? early = null) => RawClient.UpgradeAsync(_gateway.Port, early);
}
