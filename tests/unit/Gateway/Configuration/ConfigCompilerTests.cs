using System.Text;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Options;
using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.Tests.Configuration;

public sealed class ConfigCompilerTests
{
    private static readonly GatewayConfig Good = new()
    {
        Fleet = "default/quickstart",
        Listeners = [Tcp("edge", 9000)],
        Backends = [Static("relay", "127.0.0.1:9100")],
    };

    [Fact]
    public void Compile_Good_HasEverythingResolved()
    {
        var snapshot = ConfigCompiler.Compile(Good, 1000).Snapshot!;
        snapshot
            .Listeners[0]
            .ShouldSatisfyAllConditions(
                listener => listener.BindPort.ShouldBe(9000),
                listener => listener.Balancing.ShouldBe(BalancingPolicy.LeastConnections),
                listener => listener.IdleTicks.ShouldBe(0u),
                listener => listener.BackendNames.ShouldBe(["relay"])
            );
        snapshot.Backends[0].ConnectTicks.ShouldBe(500u);
        snapshot.Hash.Length.ShouldBe(16);
    }

    [Fact]
    public void Compile_PushedBackendThatNothingLeadsTo_IsLeaving()
    {
        BackendConfig Pushed(string name) => new() { Name = name, Source = EndpointSource.Pushed };
        BackendConfig[] backends =
        [
            Static("unused", "127.0.0.1:1"),
            Pushed("gone"),
            Pushed("unused-service") with
            {
                DnsName = "app.shop.svc",
                DnsPort = 1,
            },
            Pushed("relay") with
            {
                Backup = "backup",
            },
            Pushed("backup"),
        ];
        var snapshot = ConfigCompiler.Compile(Good with { Backends = backends }, 1000).Snapshot!;
        snapshot.Backends.Where(static backend => backend.IsLeaving).Select(static backend => backend.Name).ShouldBe(["gone"]);
    }

    [Fact]
    public void Compile_BackendOfAUdpListener_HasNothingThatIsForConnections()
    {
        var bad = Static("relay", "127.0.0.1:9100") with
        {
            MaxConnectionsPerEndpoint = 5,
            Tls = new BackendTlsConfig(),
            ProxyProtocol = new BackendProxyProtocolConfig(),
            Queue = new QueueConfig(),
            Retry = new RetryConfig { Attempts = 4 },
            ActiveHealth = new ActiveHealthConfig(),
        };
        string[] fields = ["tls", "proxyProtocol", "queue", "retry.attempts", "activeHealth.port"];
        var udp = new ListenerConfig
        {
            Name = "media",
            Protocol = ListenerProtocol.UDP,
            Port = 9000,
            Backend = "relay",
        };
        Fields(Good with { Listeners = [udp], Backends = [bad] }).ShouldBe(fields.Select(field => $"backends[0].{field}"));

        // A backup is sent to as well. What TCP listens for may be checked by TCP.
        var backends = new[] { Static("relay", "127.0.0.1:9100") with { Backup = "other" }, bad with { Name = "other" } };
        Fields(Good with { Listeners = [udp, Tcp("edge", 9000) with { Backend = "other" }], Backends = backends })
            .ShouldBe(fields[..^1].Select(field => $"backends[1].{field}"));
        Fields(Good with { Backends = [bad] }).ShouldBeEmpty();
        Fields(Good with { Listeners = [udp], Backends = [Static("relay", "127.0.0.1:9100") with { ActiveHealth = new() { Port = 53 } }] })
            .ShouldBeEmpty();

        static IEnumerable<string> Fields(GatewayConfig config) =>
            ConfigCompiler.Compile(config, 1000).Errors.Select(error => error.Split([':', ' '])[0]);
    }

    [Theory]
    [InlineData(0, 0, 1000, 1000)]
    [InlineData(500, 0, 500, 500)]
    [InlineData(5000, 0, 1000, 1000)]
    [InlineData(500, 20, 500, 400)]
    [InlineData(1, 90, 1, 1)]
    public void Compile_Capacity_IsCappedByTheProcessAndLessTheReserve(int max, int reserved, int capacity, int admit)
    {
        var config = Good with
        {
            Capacity = new CapacityConfig { MaxConnections = max, ReservedPercent = reserved },
        };
        var snapshot = ConfigCompiler.Compile(config, 1000).Snapshot!;
        (snapshot.Capacity, snapshot.AdmitUpTo).ShouldBe((capacity, admit));
    }

    [Fact]
    public void Compile_ManyErrors_ReportsAllAtOnceWithPaths()
    {
        var config = Good with
        {
            Capacity = new CapacityConfig { ReservedPercent = 91, PerAddress = -1 },
            Drain = new DrainConfig
            {
                CloseCode = 1000,
                ClosesPerSecond = 0,
                CloseReason = new string('ä', 62),
            },
            Listeners =
            [
                Tcp("edge", 9000),
                Tcp("edge", 70_000),
                Tcp("Other", 9000) with
                {
                    Backend = "nowhere",
                },
                Tcp("media", 9002) with
                {
                    Protocol = ListenerProtocol.Tunnel,
                },
            ],
            Backends = [Static("relay", "127.0.0.1:0"), Static("relay", "x:1") with { ConnectTimeout = TimeSpan.Zero }],
        };
        ConfigCompiler
            .Compile(config, 1000)
            .Errors.Select(error => error.Split(": ")[0])
            .ShouldBe(
                [
                    "capacity.reservedPercent",
                    "capacity.perAddress",
                    "drain.closesPerSecond",
                    "drain.closeCode",
                    "drain.closeReason",
                    "backends[0].addresses[0].address",
                    "backends[1].name",
                    "backends[1].connectTimeout",
                    "listeners[1].name",
                    "listeners[1].port",
                    "listeners[2].name",
                    "listeners[2].port",
                    "listeners[2].backend",
                    "listeners[3].backend",
                    "listeners[3].tunnel",
                ],
                ignoreOrder: true
            );
    }

    [Theory]
    [InlineData("127.0.0.1:80", "127.0.0.1", 80)]
    [InlineData("[::1]:80", "::1", 80)]
    [InlineData("relay.default.svc:8080", "relay.default.svc", 8080)]
    [InlineData("localhost:65535", "localhost", 65_535)]
    public void ParseAddress_Good_IsSplit(string text, string host, int port)
    {
        var parsed = BackendCompiler.ParseAddress(text, 1, out var error);
        error.ShouldBeNull();
        (parsed!.Host, parsed.Port).ShouldBe((host, port));
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData(":80")]
    [InlineData("host")]
    [InlineData("host:")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("host:+1")]
    [InlineData("::1:80")]
    [InlineData("[::1:80")]
    [InlineData("[host]:80")]
    [InlineData("[::::]:80")]
    [InlineData("[10.0.0.1]:80")]
    [InlineData("a..b:80")]
    [InlineData("ho st:80")]
    public void ParseAddress_Bad_SaysWhy(string text)
    {
        BackendCompiler.ParseAddress(text, 1, out var error).ShouldBeNull();
        error.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public void Compile_WebSocket_ChecksRoutesAndAffinity()
    {
        var config = Good with
        {
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "live",
                    Protocol = ListenerProtocol.WebSocket,
                    Port = 9001,
                    WebSocket = new WebSocketListenerConfig
                    {
                        HandshakeTimeout = TimeSpan.Zero,
                        Affinity = new AffinityConfig { CookieName = "a b", CookiePath = "x" },
                        Routes =
                        [
                            new RouteConfig { Backend = "relay", Hosts = ["*.example.com", "a b"] },
                            new RouteConfig { Backend = "gone", PathPrefix = "app" },
                        ],
                    },
                },
            ],
        };
        ConfigCompiler
            .Compile(config, 1000)
            .Errors.Select(error => error.Split(": ")[0])
            .ShouldBe([
                "listeners[0].webSocket.handshakeTimeout",
                "listeners[0].webSocket.affinity.cookieName",
                "listeners[0].webSocket.affinity.cookiePath",
                "listeners[0].webSocket.routes[0].hosts[1]",
                "listeners[0].webSocket.routes[1].backend",
                "listeners[0].webSocket.routes[1].pathPrefix",
            ]);
    }

    [Theory]
    [InlineData("app.example.com", true, true)]
    [InlineData("*.example.com", true, true)]
    [InlineData("APP.Example.com", true, true)]
    [InlineData("xn--mnchen-3ya.de", true, true)]
    [InlineData("my_app", true, true)]
    [InlineData("192.0.2.1", true, false)]
    [InlineData("[2001:db8::1]", true, false)]
    [InlineData("münchen.de", false, false)]
    [InlineData("example.com.", false, false)]
    [InlineData("*.example.com.", false, false)]
    [InlineData("::1", false, false)]
    [InlineData("*.[::1]", false, false)]
    [InlineData("*.192.0.2.1", false, false)]
    [InlineData("[::1", false, false)]
    [InlineData("[192.0.2.1]", false, false)]
    [InlineData("*", false, false)]
    [InlineData("a.*.example.com", false, false)]
    [InlineData("a..b", false, false)]
    [InlineData("-a.b", false, false)]
    [InlineData("a.b-", false, false)]
    [InlineData("example.com:80", false, false)]
    [InlineData("", false, false)]
    [InlineData("a.0123456789012345678901234567890123456789012345678901234567890123.b", false, false)]
    public void Compile_HostThatNoClientCanMean_IsAnError(string host, bool inRoutes, bool inServerNames)
    {
        var routes = new ListenerConfig
        {
            Name = "live",
            Protocol = ListenerProtocol.WebSocket,
            Port = 9001,
            WebSocket = new WebSocketListenerConfig { Routes = [new RouteConfig { Backend = "relay", Hosts = [host] }] },
        };
        var serverNames = Tcp("tls", 9002) with
        {
            Tls = new TlsListenerConfig
            {
                Mode = TlsMode.Passthrough,
                Routes = [new ServerNameRouteConfig { Backend = "relay", ServerNames = [host] }],
            },
        };

        ConfigCompiler
            .Compile(Good with { Listeners = [routes, serverNames] }, 1000)
            .Errors.Select(error => error.Split(": ")[0])
            .ShouldBe([
                .. inRoutes ? [] : new[] { "listeners[0].webSocket.routes[0].hosts[0]" },
                .. inServerNames ? [] : new[] { "listeners[1].tls.routes[0].serverNames[0]" },
            ]);
    }

    [Fact]
    public void Compile_HostThatIsNone_SaysWhatWouldBeOne()
    {
        var routes = new WebSocketListenerConfig { Routes = [new RouteConfig { Backend = "relay", Hosts = ["münchen.de"] }] };
        var config = Good with { Listeners = [Tcp("live", 9001) with { Protocol = ListenerProtocol.WebSocket, WebSocket = routes }] };

        ConfigCompiler
            .Compile(config, 1000)
            .Errors.ShouldBe([
                "listeners[0].webSocket.routes[0].hosts[0]: 'münchen.de' is not a host name (letters, digits and '-', other letters as"
                    + " 'xn--…', no port and no dot at the end), one with '*.' in front, or an IPv6 address in brackets",
            ]);
    }

    [Fact]
    public void Compile_Hub_NamesWhatIsNotForIt_AndWhatIsOutOfRange()
    {
        var config = ContractsJson.ParseConfig(
            """
            {"fleet": "a/b", "listeners": [{"name": "hub", "protocol": "WebSocket", "port": 9000, "webSocket": {
              "mode": "Hub", "subprotocols": ["mqtt"], "messages": {"perMinute": 10, "maxBytes": 1000}, "ping": {"interval": "20s"},
              "upgrades": {"perSecond": 10}, "identity": {"user": {"from": "Header", "name": "x"}},
              "hub": {"compression": {"level": 10, "minBytes": -1, "windowBits": 8}}
            }}]}
            """u8
        );

        ConfigCompiler
            .Compile(config, 1000)
            .Errors.Select(error => error.Split(": ")[0])
            .ShouldBe(
                [
                    "listeners[0].webSocket.subprotocols",
                    "listeners[0].webSocket.messages",
                    "listeners[0].webSocket.ping",
                    "listeners[0].webSocket.upgrades",
                    "listeners[0].webSocket.identity",
                    "listeners[0].webSocket.hub.compression.level",
                    "listeners[0].webSocket.hub.compression.minBytes",
                    "listeners[0].webSocket.hub.compression.windowBits",
                ],
                ignoreOrder: true
            );
    }

    [Fact]
    public void Compile_Hub_CompressionIsOffUnlessSet_AndThenHasItsDefaults()
    {
        Options("{}").Deflate.ShouldBeNull();
        Options("""{"compression": {}}""").Deflate.ShouldBe(new DeflateOptions());
        Options("""{"compression": {"level": 9, "minBytes": 0, "windowBits": 9}}""")
            .Deflate.ShouldBe(
                new DeflateOptions
                {
                    Level = 9,
                    MinBytes = 0,
                    ServerWindowBits = 9,
                    ClientWindowBits = 9,
                }
            );

        static HubOptions Options(string hub) =>
            ConfigCompiler
                .Compile(
                    ContractsJson.ParseConfig(
                        Encoding.UTF8.GetBytes(
                            $$$"""{"fleet": "a/b", "listeners": [{"name": "hub", "protocol": "WebSocket", "port": 9000, "webSocket": {"mode": "Hub", "hub": {{{hub}}}}}]}"""
                        )
                    ),
                    1000
                )
                .Snapshot!.Listeners[0]
                .Hub!;
    }

    [Theory]
    [InlineData("listeners", "[null]", "listeners[0]")]
    [InlineData("backends", "[null]", "backends[0]")]
    [InlineData("backends", "[{\"name\":\"b\",\"addresses\":[null]}]", "backends[0].addresses[0]")]
    [InlineData(
        "listeners",
        "[{\"name\":\"a\",\"protocol\":\"WebSocket\",\"port\":1,\"webSocket\":{\"routes\":[null]}}]",
        "listeners[0].webSocket.routes[0]"
    )]
    public void Compile_NullItem_IsAnErrorWithItsPath(string member, string json, string path)
    {
        var config = ContractsJson.ParseConfig(Encoding.UTF8.GetBytes($"{{\"fleet\":\"a/b\",\"{member}\":{json}}}"));
        ConfigCompiler.Compile(config, 100).Errors.ShouldHaveSingleItem().ShouldBe($"{path}: is null");
    }

    [Theory]
    [InlineData("listeners", "$.listeners")]
    [InlineData("capacity", "$.capacity")]
    [InlineData("drain", "$.drain")]
    public void Parse_NullMember_IsAnErrorWithItsPath(string member, string path)
    {
        var json = Encoding.UTF8.GetBytes($"{{\"fleet\":\"a/b\",\"{member}\":null}}");
        Should.Throw<JsonException>(() => ContractsJson.ParseConfig(json)).Path.ShouldBe(path);
    }

    [Fact]
    public void Compile_PortsSwapped_IsNoConflict()
    {
        var config = Good with { Listeners = [Tcp("a", 443) with { BindPort = 8443 }, Tcp("b", 8443) with { BindPort = 9443 }] };
        ConfigCompiler.Compile(config, 1000).Errors.ShouldBeEmpty();
    }

    [Fact]
    public void Compile_HundredsOfErrors_GivesNoMoreThanAnAckCarries()
    {
        var config = Good with { Listeners = [.. Enumerable.Range(0, 64).Select(_ => Tcp("BAD", -5))] };
        ConfigCompiler.Compile(config, 1000).Errors.Count.ShouldBe(64);
    }

    private static ListenerConfig Tcp(string name, int port) =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.TCP,
            Port = port,
            Backend = "relay",
        };

    private static BackendConfig Static(string name, string address) =>
        new() { Name = name, Addresses = [new AddressConfig { Address = address }] };
}
