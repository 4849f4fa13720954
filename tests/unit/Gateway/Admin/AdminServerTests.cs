using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Admin;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Telemetry;

namespace Mooring.Gateway.Tests.Admin;

public sealed class AdminServerTests : IAsyncLifetime
{
    private readonly FakeView _view = new();
    private readonly HttpClient _client = new();
    private AdminServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await AdminServer.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), _view, CancellationToken.None);
        _client.BaseAddress = _server.Address;
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Ready_AllChecksPass_Is200()
    {
        var (status, json) = await GetAsync("/health/ready");

        status.ShouldBe(HttpStatusCode.OK);
        json.GetProperty("status").GetString().ShouldBe("ok");
        json.GetProperty("uptimeSeconds").GetDouble().ShouldBe(61);
        json.GetProperty("checks").GetProperty("drain").GetString().ShouldBe("ok");
    }

    [Fact]
    public async Task Ready_CheckFails_Is503WithWhy()
    {
        _view.Problem = "draining: rollout";
        var (status, json) = await GetAsync("/health/ready");

        status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        json.GetProperty("status").GetString().ShouldBe("unready");
        json.GetProperty("checks").GetProperty("drain").GetString().ShouldBe("draining: rollout");
        (await GetAsync("/health")).Status.ShouldBe(HttpStatusCode.OK);
        (await GetAsync("/health/live")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public async Task Start_AtEveryAddress_IsReachedByIPv4AndIPv6(string address)
    {
        await using var server = await AdminServer.StartAsync(new IPEndPoint(IPAddress.Parse(address), 0), _view, CancellationToken.None);

        foreach (var host in new[] { "127.0.0.1", "[::1]" })
        {
            (await _client.GetStringAsync(new Uri($"http://{host}:{server.Address.Port}/health/live"))).ShouldBe("""{"status":"ok"}""");
        }
    }

    [Fact]
    public async Task IdleConnections_HoweverMany_KeepNoProbeOut()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var idle = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                idle.Add(new TcpClient());
                await idle[i].ConnectAsync(_server.Address.Host, _server.Address.Port, limit.Token);
            }

            for (var i = 0; i < 3; i++)
            {
                (await GetAsync("/health/live")).Status.ShouldBe(HttpStatusCode.OK);
            }

            // Who came first has made room.
            var buffer = new byte[1];
            (
                await idle[0]
                    .Client.ReceiveAsync(buffer, SocketFlags.None, limit.Token)
                    .AsTask()
                    .ContinueWith(ended => ended.IsFaulted || ended.Result == 0)
            ).ShouldBeTrue();
        }
        finally
        {
            idle.ForEach(static one => one.Dispose());
        }
    }

    [Fact]
    public async Task Config_IsShownWithItsHash()
    {
        (await GetAsync("/config")).Status.ShouldBe(HttpStatusCode.NotFound);
        _view.Config = new GatewayConfig { Fleet = "a/b" };
        var (status, json) = await GetAsync("/config");

        status.ShouldBe(HttpStatusCode.OK);
        json.GetProperty("hash").GetString().ShouldBe(ContractsJson.Hash(_view.Config));
        json.GetProperty("config").GetProperty("fleet").GetString().ShouldBe("a/b");
    }

    [Fact]
    public async Task Config_WithAKeyForCookies_ShowsAllButTheKey()
    {
        const string Key = "0123456789abcdef0123456789abcdef";
        var affinity = new AffinityConfig { CookieName = "seat", Key = Key };
        _view.Config = new GatewayConfig
        {
            Fleet = "a/b",
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "edge",
                    Protocol = ListenerProtocol.WebSocket,
                    Port = 9000,
                    WebSocket = new WebSocketListenerConfig { Affinity = affinity },
                },
            ],
        };

        var (_, json) = await GetAsync("/config");

        json.GetRawText().ShouldNotContain(Key);
        json.GetProperty("hash").GetString().ShouldBe(ContractsJson.Hash(_view.Config));
        var shown = json.GetProperty("config").GetProperty("listeners")[0].GetProperty("webSocket").GetProperty("affinity");
        shown.GetProperty("cookieName").GetString().ShouldBe("seat");
        shown.GetProperty("key").GetString().ShouldBe("(not shown)");
    }

    [Theory]
    [InlineData(null, MetricsText.PrometheusType, false)]
    [InlineData("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", MetricsText.OpenMetricsType, true)]
    public async Task Metrics_FollowAccept(string? accept, string type, bool openMetrics)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/metrics");
        if (accept is not null)
        {
            request.Headers.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await _client.SendAsync(request);
        response.Content.Headers.ContentType!.ToString().ShouldBe(type);
        (await response.Content.ReadAsStringAsync()).EndsWith("# EOF\n", StringComparison.Ordinal).ShouldBe(openMetrics);
    }

    [Fact]
    public async Task OtherPathsAndMethods_AreRefused()
    {
        (await _client.GetAsync(new Uri("/nothing", UriKind.Relative))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await _client.PostAsync(new Uri("/health", UriKind.Relative), null)).StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
    }

    [Fact]
    public async Task Start_PortTaken_Throws()
    {
        await Should.ThrowAsync<IOException>(() =>
            AdminServer.StartAsync(new IPEndPoint(IPAddress.Loopback, _server.Address.Port), _view, CancellationToken.None)
        );
    }

    [Fact]
    public async Task Backends_ShowBreakersAndRetries()
    {
        var (status, json) = await GetAsync("/backends");
        status.ShouldBe(HttpStatusCode.OK);
        var backend = json.GetProperty("backends")[0];
        backend.GetProperty("retriesTotal").GetInt64().ShouldBe(7);
        var breaker = backend.GetProperty("endpoints")[0].GetProperty("breaker");
        breaker.GetProperty("state").GetString().ShouldBe("HalfOpen");
        breaker.GetProperty("openedTotal").GetInt64().ShouldBe(3);
    }

    [Fact]
    public async Task HubSlow_ListsClients()
    {
        _view.Slow.Add(
            new SlowConsumerLoad
            {
                Listener = "hub",
                Client = "c-1",
                User = "ann",
                Frames = 12,
                Bytes = 3400,
                AgeSeconds = 1.5,
            }
        );
        var (status, json) = await GetAsync("/api/v1/hub/slow");

        status.ShouldBe(HttpStatusCode.OK);
        var client = json.GetProperty("clients").EnumerateArray().ShouldHaveSingleItem();
        client.GetProperty("listener").GetString().ShouldBe("hub");
        client.GetProperty("client").GetString().ShouldBe("c-1");
        client.GetProperty("user").GetString().ShouldBe("ann");
        client.GetProperty("frames").GetInt32().ShouldBe(12);
        client.GetProperty("bytes").GetInt64().ShouldBe(3400);
        client.GetProperty("ageSeconds").GetDouble().ShouldBe(1.5);
    }

    private async Task<(HttpStatusCode Status, JsonElement Json)> GetAsync(string path)
    {
        using var response = await _client.GetAsync(new Uri(path, UriKind.Relative));
        response.Content.Headers.ContentType!.ToString().ShouldBe("application/json");
        return (response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    private sealed class FakeView : IGatewayView
    {
        public string? Problem { get; set; }

        public List<SlowConsumerLoad> Slow { get; } = [];

        public Task<IReadOnlyList<SlowConsumerLoad>> SlowConsumersAsync() => Task.FromResult<IReadOnlyList<SlowConsumerLoad>>(Slow);

        public TimeSpan Uptime => TimeSpan.FromSeconds(61.7);

        public GatewayConfig? Config { get; set; }

        public IReadOnlyList<HealthCheck> Checks() => [new HealthCheck("config", null), new HealthCheck("drain", Problem)];

        public IReadOnlyList<BackendLoad> Backends() =>
            [
                new BackendLoad
                {
                    Name = "relay",
                    RetriesTotal = 7,
                    Endpoints =
                    [
                        new EndpointLoad
                        {
                            Id = "a:1",
                            Breaker = new BreakerLoad { State = BreakerStateName.HalfOpen, OpenedTotal = 3 },
                        },
                    ],
                },
            ];

        public MetricSource Metrics() =>
            MetricsTextTests.Source(
                new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = 0,
                    Capacity = 1,
                }
            );
    }
}
