using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Tests.Streams;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Serving;

public sealed class GatewayProcessTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring");
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryStream _output = new();
    private readonly StringWriter _error = new();
    private EchoBackend _backend = null!;
    private Task<int> _running = Task.FromResult(0);

    private string SocketPath => Path.Combine(_directory.FullName, "s");

    public async Task InitializeAsync() => _backend = await EchoBackend.StartAsync();

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(Limit);
        await _backend.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Stream_ConfiguresReportsAndDrains()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start(
            new ServeOptions
            {
                Stream = "unix:" + SocketPath,
                Fleet = "default/test",
                Name = "gw-7",
            }
        );
        var hello = await fake.NextAsync<HelloMessage>();
        hello.Gateway.ShouldBe("gw-7");
        hello.Fleet.ShouldBe("default/test");
        hello.ProcessId.ShouldBe(Environment.ProcessId);
        hello.Limits!.MaxOpenFiles.ShouldBeGreaterThan(0);
        hello.Limits.Sysctls.Keys.ShouldContain("net.core.somaxconn");

        var session = await fake.SessionAsync();
        var port = Ports.Free();
        var config = Config(port);
        await FakeOperator.SendAsync(session, new ConfigMessage { Hash = ContractsJson.Hash(config), Config = config });
        (await fake.NextAsync<AckMessage>()).Accepted.ShouldBeTrue();
        await FakeOperator.SendAsync(
            session,
            new EndpointsMessage
            {
                Backend = "app",
                Endpoints =
                [
                    new EndpointInfo
                    {
                        Id = "app-0",
                        Address = "127.0.0.1",
                        Port = _backend.Port,
                    },
                ],
            }
        );
        using var client = await ConnectAsync(port);
        var report = await fake.NextAsync<ReportMessage>(message => message.Connections == 1);
        report.Listeners.ShouldHaveSingleItem().Connections.ShouldBe(1);
        report.Backends.ShouldHaveSingleItem().Endpoints.ShouldHaveSingleItem().Id.ShouldBe("app-0");
        report.ResidentBytes.ShouldBeGreaterThan(0);
        report.Capacity.ShouldBe(50);

        var bad = config with { Listeners = [.. config.Listeners, config.Listeners[0]] };
        await FakeOperator.SendAsync(session, new ConfigMessage { Hash = "bad", Config = bad });
        var refused = await fake.NextAsync<AckMessage>();
        refused.Accepted.ShouldBeFalse();
        refused.Errors.ShouldContain(error => error.StartsWith("listeners[1].name", StringComparison.Ordinal));

        await FakeOperator.SendAsync(
            session,
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 3,
                Sequence = 4,
                Reason = "scale-in",
            }
        );
        (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Close);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        var drained = await fake.NextAsync<ReportMessage>(message => message.State == GatewayState.Drained);
        drained.DirectiveEpoch.ShouldBe(3);
        drained.DirectiveSequence.ShouldBe(4);
        drained.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task ConfigFile_IsServedAndReloaded_AndAdminTells()
    {
        var (port, admin) = (Ports.Free(), Ports.Free());
        var file = Path.Combine(_directory.FullName, "gateway.json");
        await WriteAsync(file, Static(port));
        Start(
            new ServeOptions
            {
                ConfigFile = file,
                Bind = "127.0.0.1",
                Admin = $"127.0.0.1:{admin}",
            }
        );
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{admin}") };
        await Until.TrueAsync(
            async () => (await http.GetAsync(new Uri("/health/ready", UriKind.Relative))).IsSuccessStatusCode,
            Limit,
            "ready"
        );
        using var client = await ConnectAsync(port);
        (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).ShouldContain(
            "mooring_gateway_connections{listener=\"live\"} 1\n"
        );

        var changed = Static(port) with { Capacity = new CapacityConfig { MaxConnections = 77 } };
        await WriteAsync(file, changed);
        await Until.TrueAsync(
            async () =>
                (await http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Contains(
                    "mooring_gateway_capacity_connections 77\n",
                    StringComparison.Ordinal
                ),
            Limit,
            "the change in force"
        );
        (await http.GetStringAsync(new Uri("/config", UriKind.Relative))).ShouldContain(ContractsJson.Hash(changed));
        await client.SendAsync(new byte[1], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
        (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).Count.ShouldBe(1);
    }

    [Fact]
    public async Task BadConfigFile_TellsEveryErrorAndExits()
    {
        var file = Path.Combine(_directory.FullName, "gateway.json");
        var config = Static(70_000);
        await WriteAsync(file, config with { Listeners = [config.Listeners[0] with { Backend = "nobody" }] });
        Start(new ServeOptions { ConfigFile = file });

        (await _running.WaitAsync(Limit)).ShouldBe(2);
        _error.ToString().ShouldContain("listeners[0].port");
        _error.ToString().ShouldContain("listeners[0].backend");
    }

    [Fact]
    public async Task BadStreamOption_TellsAndExits()
    {
        Start(new ServeOptions { Stream = "http://operator" });

        (await _running.WaitAsync(Limit)).ShouldBe(2);
        _error.ToString().ShouldContain("http://operator");
    }

    [Fact]
    public async Task AdminPortTaken_TellsAndExits()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        Start(new ServeOptions { Stream = "unix:" + SocketPath, Admin = taken.LocalEndPoint!.ToString() });

        (await _running.WaitAsync(Limit)).ShouldBe(1);
        _error.ToString().ShouldContain("--admin");
    }

    private static GatewayConfig Config(int port) =>
        new()
        {
            Fleet = "default/test",
            Capacity = new CapacityConfig { MaxConnections = 50 },
            Drain = new DrainConfig { LameDuck = TimeSpan.Zero },
            Listeners =
            [
                new ListenerConfig
                {
                    Name = "live",
                    Protocol = ListenerProtocol.WebSocket,
                    Port = port,
                    Backend = "app",
                },
            ],
            Backends = [new BackendConfig { Name = "app", Source = EndpointSource.Pushed }],
        };

    private static Task WriteAsync(string file, GatewayConfig config) =>
        File.WriteAllTextAsync(file, System.Text.Json.JsonSerializer.Serialize(config, ContractsJson.Default.GatewayConfig));

    private static async Task<ClientWebSocket> ConnectAsync(int port)
    {
        ClientWebSocket? connected = null;
        await Until.TrueAsync(
            async () =>
            {
                var client = new ClientWebSocket();
                await client.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), ProxyGateway.Deadline());
                connected = client;
                return true;
            },
            Limit,
            "connected"
        );
        return connected!;
    }

    private GatewayConfig Static(int port) => Config(port) with { Backends = [ProxyGateway.Backend("app", _backend.Port)] };

    private void Start(ServeOptions options) => _running = Task.Run(() => GatewayProcess.RunAsync(options, _output, _error, _stop.Token));
}
