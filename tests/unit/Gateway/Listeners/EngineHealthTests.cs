using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Active checks, breakers and backups with real sockets.</summary>
public sealed class EngineHealthTests
{
    private static readonly ActiveHealthConfig Fast = new()
    {
        Interval = TimeSpan.FromMilliseconds(100),
        Rise = 1,
        Fall = 2,
    };

    [Fact]
    public async Task Check_TcpOfAPortThatOpensLater_GoesUpThen()
    {
        using var good = new TestServer();
        var closed = ClosedPort();
        var turned = new List<(string, bool)>();
        await using var gateway = new EngineHarness(change: options =>
            options with
            {
                EndpointTurned = (endpoint, why) => Add(turned, endpoint.Id, why is null),
            }
        );
        var port = await ServeAsync(gateway, Fast, good.Port, closed);
        await UpAsync(gateway, 0, true);
        await UpAsync(gateway, 1, false);
        for (var i = 0; i < 10; i++)
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await TcpRelayTests.ExchangeAsync(client, 10, 10, i);
        }

        var bad = gateway.Engine.BackendLoads()[0].Endpoints[1];
        (bad.Healthy, bad.ConnectsTotal, bad.FailuresTotal).ShouldBe((false, 0, 0));
        bad.Check!.LastError.ShouldNotBeNullOrEmpty();
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        late.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, closed));
        late.Listen();
        await UpAsync(gateway, 1, true);
        lock (turned)
        {
            turned.ShouldBe([($"127.0.0.1:{closed}", false), ($"127.0.0.1:{closed}", true)]);
        }
    }

    [Fact]
    public async Task Check_IntervalShortenedByAReload_HoldsAtOnce()
    {
        var closed = ClosedPort();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, Fast with { Interval = TimeSpan.FromHours(1) }, closed);
        await UpAsync(gateway, 0, false);
        using var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        late.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, closed));
        late.Listen();
        await gateway.ApplyAsync(Config(port, Fast, closed));
        await UpAsync(gateway, 0, true);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n", true)]
    [InlineData("HTTP/1.1 302 Found\r\n\r\n", true)]
    [InlineData("HTTP/1.0 503 Service Unavailable\r\n\r\n", false)]
    [InlineData("SSH-2.0-OpenSSH\r\n", false)]
    [InlineData("", false)]
    public async Task Check_Http_JudgesTheStatus(string answer, bool up)
    {
        var request = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new TestServer(async socket =>
        {
            var buffer = new byte[4096];
            var count = await socket.ReceiveAsync(buffer);
            request.TrySetResult(Encoding.ASCII.GetString(buffer, 0, count));
            await socket.SendAsync(Encoding.ASCII.GetBytes(answer));
        });
        await using var gateway = new EngineHarness();
        await ServeAsync(gateway, Fast with { Type = HealthCheckType.HTTP, Path = "/healthz?deep=1", Host = "app.example" }, server.Port);
        await UpAsync(gateway, 0, up);
        var head = await request.Task;
        head.ShouldStartWith("GET /healthz?deep=1 HTTP/1.1\r\nHost: app.example\r\n");
        head.ShouldEndWith("\r\n\r\n");
    }

    [Theory]
    [InlineData("+PONG\\r\\n", true)]
    [InlineData("\\x2bPO", true)]
    [InlineData("-ERR", false)]
    public async Task Check_SendAndExpect_LooksAtTheBytes(string expect, bool up)
    {
        using var server = new TestServer(async socket =>
        {
            var buffer = new byte[100];
            var count = await socket.ReceiveAsync(buffer);
            if (Encoding.ASCII.GetString(buffer, 0, count) == "PING\r\n")
            {
                await socket.SendAsync("+PO"u8.ToArray());
                await socket.SendAsync("NG\r\n"u8.ToArray());
            }
        });
        await using var gateway = new EngineHarness();
        await ServeAsync(gateway, Fast with { Send = "PING\\r\\n", Expect = expect }, server.Port);
        await UpAsync(gateway, 0, up);
    }

    [Fact]
    public async Task Check_SilentEndpoint_TimesOutAndIsBounded()
    {
        using var server = new TestServer(async socket =>
        {
            var flood = new byte[64 * 1024];
            while (true)
            {
                await socket.SendAsync(flood);
            }
        });
        using var silent = new TestServer(socket => socket.ReceiveAsync(new byte[1]).ContinueWith(_ => Task.Delay(-1)).Unwrap());
        await using var gateway = new EngineHarness();
        await ServeAsync(gateway, Fast with { Expect = "never", Timeout = TimeSpan.FromMilliseconds(200) }, server.Port, silent.Port);
        await UpAsync(gateway, 0, false);
        await UpAsync(gateway, 1, false);
        var errors = gateway.Engine.BackendLoads()[0].Endpoints.Select(endpoint => endpoint.Check!.LastError).ToList();
        errors.ShouldBe(["not what was expected in the first 4096 bytes", "no answer within 200 ms"]);
    }

    [Fact]
    public async Task Breaker_EndpointFails_OpensAndTheBackupBackendServes()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, ClosedPort());
        await gateway.ApplyAsync(
            config with
            {
                Backends =
                [
                    config.Backends[0] with
                    {
                        Backup = "spare",
                        PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
                        CircuitBreaker = new CircuitBreakerConfig(),
                    },
                    EngineHarness.Backend("spare", server.Port),
                ],
            }
        );
        for (var i = 0; i < 8; i++)
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await TcpRelayTests.ExchangeAsync(client, 100, 100, i);
        }

        var load = gateway.Engine.BackendLoads()[0];
        // Five failures open it; each of those connections went on to the backup by a retry, the others at once.
        load.Endpoints[0].FailuresTotal.ShouldBe(5);
        load.Endpoints[0]
            .Breaker!.ShouldSatisfyAllConditions(
                breaker => breaker.State.ShouldBe(BreakerStateName.Open),
                breaker => breaker.OpenedTotal.ShouldBe(1)
            );
        load.RetriesTotal.ShouldBe(5);
        server.Accepted.ShouldBe(8);
    }

    [Fact]
    public async Task Breaker_Open_RefusesWithItsOwnReason()
    {
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, ClosedPort());
        await gateway.ApplyAsync(
            config with
            {
                Backends =
                [
                    config.Backends[0] with
                    {
                        PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
                        CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 2 },
                    },
                ],
            }
        );
        for (var i = 0; i < 5; i++)
        {
            await IsResetAsync(port);
        }

        await gateway.NoneOpenAsync();
        gateway
            .Engine.ListenerLoads()[0]
            .RefusedTotal.ShouldBe(new Dictionary<string, long> { ["connect_failed"] = 2, ["circuit_open"] = 3 }, ignoreOrder: true);
        gateway.Engine.BackendLoads()[0].Endpoints[0].Breaker!.RejectedTotal.ShouldBe(3);
    }

    [Fact]
    public async Task Retry_Attempts_AreAsConfigured()
    {
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, ClosedPort(), ClosedPort(), ClosedPort(), ClosedPort(), ClosedPort());
        var backend = config.Backends[0] with { PassiveHealth = new PassiveHealthConfig { MaxFails = 0 } };
        foreach (var (attempts, failures) in new[] { (1, 1), (5, 6), (2, 8) })
        {
            await gateway.ApplyAsync(config with { Backends = [backend with { Retry = new RetryConfig { Attempts = attempts } }] });
            await IsResetAsync(port);
            await gateway.NoneOpenAsync();
            gateway.Engine.BackendLoads()[0].Endpoints.Sum(endpoint => endpoint.FailuresTotal).ShouldBe(failures);
        }
    }

    [Fact]
    public async Task Retry_EachAttemptIsAtAnotherEndpoint()
    {
        await using var gateway = new EngineHarness();
        var retry = new RetryConfig { Attempts = 5, MinRetriesPerSecond = 1000 };
        var load = await ConnectToNobodyAsync(
            gateway,
            retry,
            times: 20,
            ClosedPort(),
            ClosedPort(),
            ClosedPort(),
            ClosedPort(),
            ClosedPort()
        );
        load.Endpoints.Select(endpoint => endpoint.FailuresTotal).ShouldAllBe(failures => failures == 20);
    }

    [Fact]
    public async Task Retry_NoOtherEndpoint_IsNone()
    {
        await using var gateway = new EngineHarness();
        var load = await ConnectToNobodyAsync(
            gateway,
            new RetryConfig { BudgetPercent = 0, MinRetriesPerSecond = 1 },
            times: 20,
            ClosedPort()
        );
        (load.RetriesTotal, load.RetriesDeniedTotal).ShouldBe((0, 0));
    }

    [Fact]
    public async Task Retry_StormOnADeadBackend_IsBoundedByTheBudget()
    {
        await using var gateway = new EngineHarness();
        var retry = new RetryConfig { BudgetPercent = 10, MinRetriesPerSecond = 0 };
        var load = await ConnectToNobodyAsync(gateway, retry, times: 200, ClosedPort(), ClosedPort(), ClosedPort());
        // 200 connections would have made 400 retries.
        load.RetriesTotal.ShouldBeInRange(10, 30);
        load.RetriesDeniedTotal.ShouldBeGreaterThan(150);
        load.Endpoints.Sum(endpoint => endpoint.FailuresTotal).ShouldBe(200 + load.RetriesTotal);
    }

    /// <summary>Connects so often, each time after the one before was reset.</summary>
    private static async Task<BackendLoad> ConnectToNobodyAsync(EngineHarness gateway, RetryConfig retry, int times, params int[] closed)
    {
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, closed);
        var backend = config.Backends[0] with
        {
            PassiveHealth = new PassiveHealthConfig { MaxFails = 0 },
            Retry = retry,
        };
        await gateway.ApplyAsync(config with { Backends = [backend] });
        for (var i = 0; i < times; i++)
        {
            await IsResetAsync(port);
        }

        await gateway.NoneOpenAsync();
        return gateway.Engine.BackendLoads()[0];
    }

    private static void Add(List<(string, bool)> list, string id, bool up)
    {
        lock (list)
        {
            list.Add((id, up));
        }
    }

    private static Task UpAsync(EngineHarness gateway, int endpoint, bool up) =>
        Until.TrueAsync(
            () =>
                gateway.Engine.BackendLoads()[0].Endpoints[endpoint].Check is { } check
                && check.Up == up
                && check.PassedTotal + check.FailedTotal > 0,
            EngineHarness.Patience,
            $"endpoint {endpoint} is {(up ? "up" : "down")}"
        );

    private static async Task<int> ServeAsync(EngineHarness gateway, ActiveHealthConfig check, params int[] backends)
    {
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(Config(port, check, backends));
        return port;
    }

    private static GatewayConfig Config(int port, ActiveHealthConfig check, params int[] backends)
    {
        var config = EngineHarness.Config(port, backends);
        return config with { Backends = [config.Backends[0] with { ActiveHealth = check }] };
    }
}
