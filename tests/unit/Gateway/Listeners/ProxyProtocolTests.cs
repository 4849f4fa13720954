using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Transport;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class ProxyProtocolTests
{
    private const string Line = "PROXY TCP4 203.0.113.7 198.51.100.1 4321 443\r\n";

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(10_000)]
    public async Task Header_InPiecesOfAnySize_IsTakenOffToTheByte(int piece)
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await ServeAsync(harness, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.0/8"] });
        var header = new byte[ProxyHeader.MaxWrittenBytes];
        var length = ProxyHeaderWriter.WriteV2(
            Addresses("2001:db8::7", 4321),
            new ProxyWords { Authority = "app.example.com"u8, UniqueId = "id-1"u8 },
            crc32C: true,
            header
        );
        using var client = await EngineHarness.ConnectAsync(port);

        byte[] all = [.. header.AsSpan(0, length), .. "hello, world"u8];
        foreach (var part in all.Chunk(piece))
        {
            await client.SendAsync(part);
        }

        (await ReadAsync(client, 12)).ShouldBe("hello, world");
        client.Dispose();
        await harness.NoneOpenAsync();
        await Until.TrueAsync(() => harness.Records.Count == 1, EngineHarness.Patience, "the record");
        var record = harness.Records[0];
        record.ClientAddress.ToString().ShouldBe("2001:db8::7");
        record.ClientPort.ShouldBe(4321);
        record.Received.ShouldBe(12);
        record.Proxy!.Authority.ShouldBe("app.example.com");
        record.Proxy.UniqueId.ShouldBe("id-1");
        record.Proxy.Sender.ToString().ShouldBe("127.0.0.1");
        harness.Engine.Loops.Sum(loop => loop.Sides.Proxies).ShouldBe(0);
    }

    [Fact]
    public async Task Header_WithDataAndEndInOnePacket_LosesNothing()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await ServeAsync(harness, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] });
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(Encoding.ASCII.GetBytes(Line + "all there is"));
        client.Shutdown(SocketShutdown.Send);

        (await ReadAsync(client, 100)).ShouldBe("all there is");
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "proxy_header")]
    [InlineData("PROXY TCP4 1.2.3.4 5.6.7.8 9\r\n", "proxy_header")]
    [InlineData("", "handshake_timeout")]
    [InlineData("PROXY TCP4 1.2", "handshake_timeout")]
    public async Task Header_MissingBrokenOrLate_IsResetAndCounted(string sent, string reason)
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await ServeAsync(
            harness,
            server.Port,
            new ProxyProtocolConfig
            {
                Trusted = ["127.0.0.1"],
                Timeout = reason == "handshake_timeout" ? TimeSpan.FromMilliseconds(200) : TimeSpan.FromSeconds(30),
            }
        );

        // On a busy machine the time may be over before the client has sent anything.
        var error = await Should.ThrowAsync<SocketException>(async () =>
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await client.SendAsync(Encoding.ASCII.GetBytes(sent));
            await client.ReceiveAsync(new byte[1]);
        });

        error.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
        await harness.NoneOpenAsync();
        Refused(harness, reason).ShouldBe(1);
        server.Accepted.ShouldBe(0);
    }

    [Fact]
    public async Task Untrusted_IsRefusedOrServedAsConfigured()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await ServeAsync(harness, server.Port, new ProxyProtocolConfig { Trusted = ["10.0.0.0/8"] });
        await EngineProbes.IsResetAsync(port);
        Refused(harness, "untrusted_proxy").ShouldBe(1);

        await harness.ApplyAsync(
            Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["10.0.0.0/8"], Untrusted = UntrustedPeers.Direct })
        );
        using var client = await EngineHarness.ConnectAsync(port);
        // Data like any other.
        await client.SendAsync(Encoding.ASCII.GetBytes(Line));
        (await ReadAsync(client, Line.Length)).ShouldBe(Line);
        client.Dispose();
        await Until.TrueAsync(() => harness.Records.Count == 1, EngineHarness.Patience, "the record");
        harness.Records[0].ClientAddress.ToString().ShouldBe("127.0.0.1");
    }

    [Fact]
    public async Task Local_IsServedAsTheProxyItself()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = await ServeAsync(harness, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] });
        using var client = await EngineHarness.ConnectAsync(port);
        var header = new byte[16];
        ProxyHeaderWriter.WriteLocal(header);
        await client.SendAsync((byte[])[.. header, .. "ok?"u8]);
        (await ReadAsync(client, 3)).ShouldBe("ok?");
        client.Dispose();
        await Until.TrueAsync(() => harness.Records.Count == 1, EngineHarness.Patience, "the record");
        harness.Records[0].ClientAddress.ToString().ShouldBe("127.0.0.1");
    }

    [Fact]
    public async Task Local_LimitsOfClients_DoNotHoldTheProxyItself()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] });
        var rate = new RateConfig { PerSecond = 1, Burst = 1 };
        await harness.ApplyAsync(
            config with
            {
                Capacity = new CapacityConfig { PerAddress = 1, NewPerAddress = rate },
            }
        );
        var header = new byte[16];
        ProxyHeaderWriter.WriteLocal(header);
        var checks = new List<Socket>();
        for (var i = 0; i < 5; i++)
        {
            checks.Add(await EngineHarness.ConnectAsync(port));
            await checks[i].SendAsync((byte[])[.. header, .. "ok?"u8]);
            (await ReadAsync(checks[i], 3)).ShouldBe("ok?");
        }

        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(Encoding.ASCII.GetBytes(Line + "1"));
        (await ReadAsync(client, 1)).ShouldBe("1");
        harness.Engine.ListenerLoads().Single().RefusedTotal.ShouldBeEmpty();
        checks.ForEach(check => check.Dispose());
        client.Dispose();
        await harness.NoneOpenAsync();
    }

    [Fact]
    public async Task PerAddress_CountsTheClientsBehindTheProxy()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] });
        await harness.ApplyAsync(config with { Capacity = new CapacityConfig { PerAddress = 1 } });

        using var first = await EngineHarness.ConnectAsync(port);
        await first.SendAsync(Encoding.ASCII.GetBytes(Line + "1"));
        (await ReadAsync(first, 1)).ShouldBe("1");
        using var other = await EngineHarness.ConnectAsync(port);
        await other.SendAsync(Encoding.ASCII.GetBytes(Line.Replace("113.7", "113.8", StringComparison.Ordinal) + "2"));
        (await ReadAsync(other, 1)).ShouldBe("2");
        using var second = await EngineHarness.ConnectAsync(port);
        await second.SendAsync(Encoding.ASCII.GetBytes(Line));
        await Should.ThrowAsync<SocketException>(async () => await second.ReceiveAsync(new byte[1]));
        Refused(harness, "per_address").ShouldBe(1);

        first.Dispose();
        await Until.TrueAsync(() => harness.Engine.Connections == 1, EngineHarness.Patience, "the first has ended");
        using var third = await EngineHarness.ConnectAsync(port);
        await third.SendAsync(Encoding.ASCII.GetBytes(Line + "3"));
        (await ReadAsync(third, 1)).ShouldBe("3");
    }

    [Theory]
    [InlineData(ProxyProtocolVersion.V1)]
    [InlineData(ProxyProtocolVersion.V2)]
    public async Task Backend_GetsTheClientsOwnAddresses(ProxyProtocolVersion version)
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        ProxyProtocolTlv[] tlvs = version == ProxyProtocolVersion.V1 ? [] : Enum.GetValues<ProxyProtocolTlv>();
        await harness.ApplyAsync(Config(port, server.Port, null, new BackendProxyProtocolConfig { Version = version, Tlvs = tlvs }));
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync("data"u8.ToArray());
        var received = new byte[1000];
        var count = 0;
        var header = default(ProxyHeader);
        while (
            ProxyHeaderParser.Parse(received.AsSpan(0, count), ProxyVersions.Any, 1000, out header).Status != ProxyStatus.Complete
            || count < header.Length + 4
        )
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            count += await client.ReceiveAsync(received.AsMemory(count), limit.Token);
        }

        header.Version.ShouldBe(version == ProxyProtocolVersion.V1 ? 1 : 2);
        new IPEndPoint(header.Source.ToIPAddress(), header.SourcePort).ShouldBe(client.LocalEndPoint);
        new IPEndPoint(header.Destination.ToIPAddress(), header.DestinationPort).ShouldBe(client.RemoteEndPoint);
        header.Tlvs.UniqueIdRange.Length.ShouldBe(version == ProxyProtocolVersion.V1 ? 0 : 32);
        // Came without TLS, and that is said.
        header.Tlvs.SslRange.Length.ShouldBe(version == ProxyProtocolVersion.V1 ? 0 : 5);
        header.Tlvs.Secure.ShouldBeFalse();
        Encoding.ASCII.GetString(received, header.Length, count - header.Length).ShouldBe("data");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Backend_OfWhichAReloadLetsGoDuringTheConnect_StillGetsTheHeader(bool removed)
    {
        // A full backlog: the connect stands once there is room, and the SYN comes again.
        using var busy = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        busy.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        busy.Listen(1);
        var busyPort = ((IPEndPoint)busy.LocalEndPoint!).Port;
        using var first = await EngineHarness.ConnectAsync(busyPort);
        using var second = await EngineHarness.ConnectAsync(busyPort);
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var config = Config(port, busyPort, null, new BackendProxyProtocolConfig { Version = ProxyProtocolVersion.V1 });
        await harness.ApplyAsync(config);
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n"u8.ToArray());
        await Until.TrueAsync(
            () => harness.Engine.BackendLoads()[0].Endpoints[0].Connections == 1,
            EngineHarness.Patience,
            "the connect is under way"
        );

        var other = EngineHarness.Backend("other", server.Port);
        ListenerConfig[] listeners = removed ? [] : [EngineHarness.Listener("edge", port, "other")];
        await harness.ApplyAsync(config with { Listeners = listeners, Backends = [.. config.Backends, other] });
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await busy.AcceptAsync(limit.Token)).Dispose();
        (await busy.AcceptAsync(limit.Token)).Dispose();
        using var accepted = await busy.AcceptAsync(limit.Token);
        var own = (IPEndPoint)client.LocalEndPoint!;
        (await ReadAsync(accepted, 32)).ShouldStartWith($"PROXY TCP4 {own.Address} {own.Address} ");
    }

    [Fact]
    public async Task Chain_HeaderInAndOut_KeepsAddressesAndWords()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        var tlvs = new BackendProxyProtocolConfig { Tlvs = Enum.GetValues<ProxyProtocolTlv>() };
        await harness.ApplyAsync(Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] }, tlvs));
        using var client = await EngineHarness.ConnectAsync(port);
        var header = new byte[ProxyHeader.MaxWrittenBytes];
        var words = new ProxyWords
        {
            Alpn = "mqtt"u8,
            Authority = "a.example"u8,
            UniqueId = "\u0001\u0002"u8,
            HasSsl = true,
            Client = ProxyClient.Ssl | ProxyClient.CertificateInSession,
            Verify = 3,
            SslVersion = "TLSv1.2"u8,
            SslCommonName = "anne"u8,
        };
        var length = ProxyHeaderWriter.WriteV2(Addresses("203.0.113.7", 4321), words, crc32C: true, header);
        await client.SendAsync(header.AsMemory(0, length));

        var echoed = new byte[length];
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        for (var count = 0; count < length; )
        {
            count += await client.ReceiveAsync(echoed.AsMemory(count), limit.Token);
        }

        echoed.ShouldBe(header[..length]);
    }

    [Fact]
    public async Task WebSocket_BehindAProxy_ForwardsTheClientsAddress()
    {
        var seen = new TaskCompletionSource<string>();
        using var server = new TestServer(async socket =>
        {
            var buffer = new byte[4096];
            seen.TrySetResult(Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer)));
        });
        await using var harness = new EngineHarness(change: o => o with { Upgrades = listener => new ProxyUpgradeHandler(listener) });
        var port = (await harness.ListenAsync())[0];
        var config = Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] });
        await harness.ApplyAsync(config with { Listeners = [config.Listeners[0] with { Protocol = ListenerProtocol.WebSocket }] });
        using var client = await EngineHarness.ConnectAsync(port);
        var request =
            "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        await client.SendAsync(Encoding.ASCII.GetBytes(Line));
        await client.SendAsync(Encoding.ASCII.GetBytes(request));

        (await seen.Task.WaitAsync(EngineHarness.Patience)).ShouldContain("X-Real-IP: 203.0.113.7\r\n");
    }

    private static long Refused(EngineHarness harness, string reason) =>
        harness.Engine.ListenerLoads().Single().RefusedTotal.GetValueOrDefault(reason);

    private static async Task<int> ServeAsync(EngineHarness harness, int backend, ProxyProtocolConfig proxy)
    {
        var port = (await harness.ListenAsync())[0];
        await harness.ApplyAsync(Config(port, backend, proxy));
        return port;
    }

    internal static GatewayConfig Config(int port, int backend, ProxyProtocolConfig? proxy, BackendProxyProtocolConfig? toBackend = null) =>
        new()
        {
            Fleet = "default/test",
            Listeners = [EngineHarness.Listener("edge", port) with { ProxyProtocol = proxy }],
            Backends = [EngineHarness.Backend("relay", backend) with { ProxyProtocol = toBackend }],
        };

    private static ProxyAddresses Addresses(string source, int port) =>
        new(
            NetworkAddress.From(IPAddress.Parse(source)),
            (ushort)port,
            NetworkAddress.From(IPAddress.Parse(source.Contains(':', StringComparison.Ordinal) ? "2001:db8::1" : "198.51.100.1")),
            443
        );

    internal static async Task<string> ReadAsync(Socket socket, int most)
    {
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var buffer = new byte[most];
        var count = 0;
        while (count < most && await socket.ReceiveAsync(buffer.AsMemory(count), limit.Token) is > 0 and var read)
        {
            count += read;
        }

        return Encoding.ASCII.GetString(buffer, 0, count);
    }
}
