using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets.Framing;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.WebSockets;

/// <summary>What a Proxy listener does besides carrying frames, over real sockets.</summary>
public sealed partial class ProxyFeatureTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private EchoBackend _backend = null!;
    private ProxyGateway _gateway = null!;

    /// <summary>Bytes that the gateway had from clients when the last raw one was upgraded.</summary>
    private long _sent;

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
    public async Task MessagesPerMinute_OneTooMany_ClosesBothWith1008()
    {
        await ApplyAsync(
            new WebSocketListenerConfig
            {
                Messages = new WebSocketMessagesConfig { PerMinute = 5, Burst = 3 },
            }
        );
        using var client = await _gateway.ConnectAsync();
        for (var i = 0; i < 3; i++)
        {
            // A message is one message in however many fragments, and a ping is none.
            await client.SendAsync(new byte[] { 1 }, WebSocketMessageType.Binary, false, ProxyGateway.Deadline());
            await client.SendAsync(new byte[] { 2 }, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            (await RawClient.ReceiveAsync(client)).ShouldBe([1, 2]);
        }

        await client.SendAsync(new byte[] { 9 }, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());

        await ClosedAsync(client, 1008, "too many messages");
        var (status, reason, received) = await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline());
        ((int)status!, reason).ShouldBe((1008, "too many messages"));
        received.ShouldBe([1, 2, 1, 2, 1, 2]);
        await Until.TrueAsync(() => Task.FromResult(_gateway.Engine.Connections == 0), Patience, "the connection has ended");
        Closed("message_limit").ShouldBe(1);
    }

    [Fact]
    public async Task MessageTooBig_Closes1009_AndTheBackendSeesNoneOfIt()
    {
        await ApplyAsync(new WebSocketListenerConfig { Messages = new WebSocketMessagesConfig { MaxBytes = 1000 } });
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(new byte[1000], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
        (await RawClient.ReceiveAsync(client)).Length.ShouldBe(1000);

        await client.SendAsync(new byte[1001], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());

        await ClosedAsync(client, 1009, "message is too big");
        var (status, _, received) = await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline());
        ((int)status!).ShouldBe(1009);
        received.Length.ShouldBe(1000);
    }

    [Fact]
    public async Task MessageTooBig_ByItsFragments_ClosesAtTheOneThatIs()
    {
        await ApplyAsync(new WebSocketListenerConfig { Messages = new WebSocketMessagesConfig { MaxBytes = 1000 } });
        using var client = await _gateway.ConnectAsync();
        await client.SendAsync(new byte[600], WebSocketMessageType.Binary, false, ProxyGateway.Deadline());
        await client.SendAsync(new byte[600], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());

        // The first fragment is echoed before the second is refused.
        await ClosedAsync(client, 1009, "message is too big");
        (await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline())).Received.Length.ShouldBe(600);
    }

    [Fact]
    public async Task MessageTooBig_HeaderInPieces_StillTellsTheClient()
    {
        await ApplyAsync(new WebSocketListenerConfig { Messages = new WebSocketMessagesConfig { MaxBytes = 1000 } });
        using var raw = await RawAsync();
        var header = new byte[FrameHeader.MaxSize];
        var size = FrameHeader.Write(header, 0x82, 5000, 0);
        await raw.SendAllAsync(header.AsMemory(0, 3), ProxyGateway.Deadline());
        // So that the first piece has gone on: a ping could not overtake it, and the gateway counts what it reads.
        await Until.TrueAsync(
            () => Task.FromResult(_gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal == _sent + 3),
            Patience,
            "the gateway has read the first piece"
        );
        await raw.SendAllAsync(header.AsMemory(3, size - 3), ProxyGateway.Deadline());

        var close = await RawClient.ReadExactlyAsync(raw, 4);
        close[0].ShouldBe((byte)0x88);
        ((close[2] << 8) | close[3]).ShouldBe(1009);
        await raw.SendAllAsync(CloseFrame.Encode(1009, "", 0x01020304), ProxyGateway.Deadline());
    }

    [Fact]
    public async Task Ping_ClientThatAnswers_Stays()
    {
        await ApplyAsync(Pinged(timeout: 60));
        using var raw = await RawAsync();

        for (var i = 0; i < 2; i++)
        {
            (await RawClient.ReadExactlyAsync(raw, 2)).ShouldBe([0x89, 0]);
            await raw.SendAllAsync(new byte[] { 0x8A, 0x80, 1, 2, 3, 4 }, ProxyGateway.Deadline());
        }

        _gateway.Engine.Connections.ShouldBe(1);
    }

    [Fact]
    public async Task Ping_ClientThatIsSilent_IsClosedAndTheBackendTold()
    {
        await ApplyAsync(Pinged(timeout: 1));
        using var raw = await RawAsync();

        (await RawClient.ReadExactlyAsync(raw, 2)).ShouldBe([0x89, 0]);
        var close = await RawClient.ReadExactlyAsync(raw, 4);
        close[0].ShouldBe((byte)0x88);
        ((close[2] << 8) | close[3]).ShouldBe(1001);
        await raw.SendAllAsync(CloseFrame.Encode(1001, "", 0x01020304), ProxyGateway.Deadline());
        var (status, reason, _) = await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline());
        ((int)status!, reason).ShouldBe((1001, "no answer to a ping"));
        await Until.TrueAsync(() => Task.FromResult(Closed("ping_timeout") == 1), Patience, "it is gone");
    }

    [Fact]
    public async Task Ping_ClientThatIsNotRead_SinceItsBackendReadsNothing_Stays()
    {
        var reads = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var bytes = 0L;
        using var slow = new TestServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[4096]);
            var answer =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            await socket.SendAllAsync(Encoding.ASCII.GetBytes(answer), ProxyGateway.Deadline());
            await reads.Task;
            var buffer = new byte[1 << 20];
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                Interlocked.Add(ref bytes, count);
            }
        });
        await ApplyAsync(Pinged(timeout: 1), slow.Port);
        using var raw = await RawAsync();
        // One frame without end, as far as everything on its way takes it.
        byte[] begin = [0x82, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        await raw.SendAllAsync(begin, ProxyGateway.Deadline());
        raw.Blocking = false;
        var sent = (long)begin.Length;
        var chunk = new byte[1 << 16];
        var full = 0L;
        await Until.TrueAsync(
            () =>
            {
                if (raw.Send(chunk, SocketFlags.None, out var error) is > 0 and var count)
                {
                    sent += count;
                    full = EventLoop.Clock();
                }

                error.ShouldBeOneOf(SocketError.Success, SocketError.WouldBlock);
                // It cannot be pinged and given up in less.
                return EventLoop.Clock() - full > 4_000_000 || Closed("ping_timeout") > 0;
            },
            Patience,
            "the client cannot send any more, for longer than a silent one is let be"
        );
        Closed("ping_timeout").ShouldBe(0);
        raw.Available.ShouldBe(0);

        reads.SetResult();
        await Until.TrueAsync(() => Interlocked.Read(ref bytes) == sent, Patience, "all of it arrives");
    }

    [Theory]
    [InlineData(AffinityType.Header)]
    [InlineData(AffinityType.Query)]
    public async Task Affinity_ByHash_SameValueSameEndpoint(object type)
    {
        await using var second = await EchoBackend.StartAsync();
        await using var third = await EchoBackend.StartAsync();
        var listener = new WebSocketListenerConfig
        {
            Balancing = BalancingPolicy.RoundRobin,
            Affinity = new AffinityConfig { Type = (AffinityType)type, Name = "room" },
        };
        await ApplyAsync(listener, _backend.Port, second.Port, third.Port);
        EchoBackend[] backends = [_backend, second, third];
        var used = new HashSet<int>();
        for (var value = 0; value < 12; value++)
        {
            int? chosen = null;
            for (var i = 0; i < 3; i++)
            {
                var before = backends.Select(backend => backend.Requests.Count).ToArray();
                using var client = await ConnectAsync(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
                var at = Enumerable.Range(0, 3).Single(index => backends[index].Requests.Count > before[index]);
                (chosen ??= at).ShouldBe(at);
            }

            used.Add(chosen!.Value);
        }

        used.Count.ShouldBeGreaterThan(1);

        Task<ClientWebSocket> ConnectAsync(string value) =>
            (AffinityType)type == AffinityType.Header
                ? _gateway.ConnectAsync("/", options => options.SetRequestHeader("Room", value))
                : _gateway.ConnectAsync($"/?x=1&room={value}");
    }

    [Fact]
    public async Task Origin_Other_Is403_AndNoBackendIsAsked()
    {
        await ApplyAsync(new WebSocketListenerConfig { Origins = ["https://app.example.com"] });

        (await AskAsync("Origin: https://evil.example.net\r\n")).ShouldStartWith("HTTP/1.1 403 Forbidden\r\n");
        using var good = await _gateway.ConnectAsync("/", options => options.SetRequestHeader("Origin", "https://app.example.com"));
        _backend.Requests.Count.ShouldBe(1);
        Refused("origin").ShouldBe(1);
    }

    [Fact]
    public async Task Subprotocols_OnlyThoseTaken_AreOffered()
    {
        await ApplyAsync(new WebSocketListenerConfig { Subprotocols = ["mqtt", "graphql-transport-ws"] });
        using var client = await _gateway.ConnectAsync(
            "/",
            options =>
            {
                options.AddSubProtocol("mqtt");
                options.AddSubProtocol("other");
            }
        );

        // The backend would choose the last one.
        client.SubProtocol.ShouldBe("mqtt");
        (await AskAsync("Sec-WebSocket-Protocol: other\r\n")).ShouldStartWith("HTTP/1.1 400 ");
        Refused("subprotocol").ShouldBe(1);
    }

    [Fact]
    public void Pace_Reserve_TurnsFollowEachOther_UntilAllThatMayAreHeld()
    {
        var features = WebSocketFeatures.None with { UpgradeRate = RateLimit.Of(10, 2), HoldNanoseconds = 250_000_000 };
        var bucket = 0L;

        // Two at once, then one each 100 ms, up to the hold.
        long[] waits = [.. Enumerable.Range(0, 7).Select(_ => UpgradePace.Reserve(features, ref bucket, 5_000_000))];
        waits.ShouldBe([0, 0, 100_000_000, 200_000_000, -1, -1, -1]);
        UpgradePace.Reserve(features, ref bucket, 5_100_000).ShouldBe(200_000_000);
        UpgradePace.Reserve(features, ref bucket, 60_000_000).ShouldBe(0);
    }

    [Fact]
    public async Task Pace_Storm_IsHeldAndAllAreServed_TheRestIs503()
    {
        await ApplyAsync(
            new WebSocketListenerConfig
            {
                Upgrades = new UpgradePaceConfig
                {
                    PerSecond = 10,
                    Burst = 1,
                    Hold = TimeSpan.FromSeconds(1),
                },
            }
        );
        var started = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => StatusAsync()));

        // By the rate 11 fit into the hold; a slow machine may let the bucket fill meanwhile.
        var served = answers.Count(status => status == "101");
        served.ShouldBeInRange(11, 25);
        answers.Count(status => status == "503").ShouldBe(25 - served);
        (served - 1).ShouldBeLessThanOrEqualTo((int)(Stopwatch.GetElapsedTime(started).TotalSeconds * 10) + 11);
        Refused("upgrade_rate").ShouldBe(25 - served);
        _backend.Requests.Count.ShouldBe(served);
    }

    [Fact]
    public async Task Pace_HeldClientThatIsLookedAtAgain_WaitsForItsTurn()
    {
        await ApplyAsync(
            new WebSocketListenerConfig
            {
                Upgrades = new UpgradePaceConfig
                {
                    PerSecond = 1,
                    Burst = 1,
                    Hold = TimeSpan.FromSeconds(3),
                },
            }
        );
        using var first = await RawAsync();
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await second.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        await second.SendAllAsync(RawClient.Request, ProxyGateway.Deadline());
        await Until.TrueAsync(
            () => _gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal == _sent + RawClient.Request.Length,
            Patience,
            "its request was read"
        );

        // As for a client whose handshake had to wait for the next turn.
        foreach (var loop in _gateway.Engine.Loops)
        {
            loop.Post(() => loop.Table.ClientsOf(loop.Owner).ForEach(loop.Queue));
        }

        Encoding.ASCII.GetString(await RawClient.ReadExactlyAsync(second, 12)).ShouldBe("HTTP/1.1 101");
    }

    [Fact]
    public async Task Pace_HeldClientThatLeaves_AsksNoBackend()
    {
        await ApplyAsync(
            new WebSocketListenerConfig
            {
                Upgrades = new UpgradePaceConfig
                {
                    PerSecond = 1,
                    Burst = 1,
                    Hold = TimeSpan.FromSeconds(3),
                },
            }
        );
        using var first = await RawAsync();
        using var second = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await second.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        await second.SendAllAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n"), ProxyGateway.Deadline());
        await Until.TrueAsync(() => Task.FromResult(_gateway.Engine.Connections == 2), Patience, "both are there");
        second.Shutdown(SocketShutdown.Send);

        await Until.TrueAsync(() => Task.FromResult(_gateway.Engine.Connections == 1), Patience, "the held one is gone");
    }

    [Theory]
    [InlineData("origins[0]", "https://a.b/")]
    [InlineData("subprotocols[0]", "a b")]
    public async Task Compile_BadLists_NameTheItem(string field, string value)
    {
        var listener = field.StartsWith("origins", StringComparison.Ordinal)
            ? new WebSocketListenerConfig { Origins = [value] }
            : new WebSocketListenerConfig { Subprotocols = [value] };

        (await ErrorsAsync(listener)).ShouldHaveSingleItem().ShouldStartWith($"listeners[0].webSocket.{field}: ");
    }

    [Fact]
    public async Task Compile_BadNumbers_NameTheirFields() => (
            await ErrorsAsync(
                new WebSocketListenerConfig
                {
                    Messages = new WebSocketMessagesConfig
                    {
                        PerMinute = -1,
                        Burst = 2_000_000,
                        MaxBytes = -1,
                    },
                    Ping = new WebSocketPingConfig { Interval = TimeSpan.Zero, Timeout = TimeSpan.FromHours(2) },
                    Upgrades = new UpgradePaceConfig { PerSecond = 0, Hold = TimeSpan.FromSeconds(4) },
                    Affinity = new AffinityConfig { Type = AffinityType.Header, Key = "short" },
                    Identity = new WebSocketIdentityConfig
                    {
                        User = new RequestValueConfig { From = RequestValueSource.Cookie, Name = "a b" },
                    },
                }
            )
        ).Select(error => error.Split(':')[0]["listeners[0].webSocket.".Length..]).ShouldBe(["messages.perMinute", "messages.burst", "messages.maxBytes", "ping.interval", "ping.timeout", "upgrades.perSecond", "upgrades.hold", "affinity.name", "affinity.key", "identity.user.name"], ignoreOrder: true);

    private static WebSocketListenerConfig Pinged(int timeout) =>
        new()
        {
            Ping = new WebSocketPingConfig { Interval = TimeSpan.FromSeconds(1), Timeout = TimeSpan.FromSeconds(timeout) },
        };

    private static WebSocketListenerConfig Identified() =>
        new()
        {
            Identity = new WebSocketIdentityConfig
            {
                User = new RequestValueConfig { From = RequestValueSource.Header, Name = "X-User" },
                Device = new RequestValueConfig { From = RequestValueSource.Header, Name = "X-Device" },
            },
        };

    private Task ApplyAsync(WebSocketListenerConfig listener, params int[] ports) =>
        _gateway.ApplyAsync(listener, "app", ProxyGateway.Backend("app", ports.Length == 0 ? [_backend.Port] : ports));

    private async Task<IReadOnlyList<string>> ErrorsAsync(WebSocketListenerConfig listener)
    {
        var result = await _gateway.Engine.ApplyConfigAsync(
            new GatewayConfig
            {
                Fleet = "default/test",
                Listeners =
                [
                    new ListenerConfig
                    {
                        Name = "live",
                        Protocol = ListenerProtocol.WebSocket,
                        Port = _gateway.Port,
                        Backend = "app",
                        WebSocket = listener,
                    },
                ],
                Backends = [ProxyGateway.Backend("app", _backend.Port)],
            }
        );
        return result.Errors;
    }

    private Task<ClientWebSocket> UserAsync(string user, string device) =>
        _gateway.ConnectAsync(
            "/",
            options =>
            {
                options.SetRequestHeader("X-User", user);
                options.SetRequestHeader("X-Device", device);
            }
        );

    private Task<string> AskAsync(string fields) => _gateway.AskAsync($"GET / HTTP/1.1\r\n{Requests.Upgrade}{fields}\r\n");

    private async Task<string> StatusAsync()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        await socket.SendAllAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\n{Requests.Upgrade}\r\n"), ProxyGateway.Deadline());
        return Encoding.ASCII.GetString(await RawClient.ReadExactlyAsync(socket, 12))[9..];
    }

    private async Task<Socket> RawAsync()
    {
        var before = _gateway.Engine.ListenerLoads()[0].ReceivedBytesTotal;
        var raw = await RawClient.UpgradeAsync(_gateway.Port);
        _sent = before + RawClient.Request.Length;
        return raw;
    }

    private static async Task ClosedAsync(ClientWebSocket client, int code, string reason)
    {
        var buffer = new byte[4096];
        while ((await client.ReceiveAsync(buffer, ProxyGateway.Deadline())).MessageType != WebSocketMessageType.Close) { }

        ((int)client.CloseStatus!).ShouldBe(code);
        client.CloseStatusDescription.ShouldBe(reason);
        await client.CloseOutputAsync(client.CloseStatus!.Value, null, ProxyGateway.Deadline());
    }

    private long Refused(string reason) => _gateway.Engine.ListenerLoads()[0].RefusedTotal.GetValueOrDefault(reason);

    private long Closed(string reason) => _gateway.Engine.ListenerLoads()[0].Traffic.ClosedTotal.GetValueOrDefault(reason);
}
