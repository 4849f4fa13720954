using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Draining;

/// <summary>What becomes of the connections of a listener that a config removes or replaces, on real sockets.</summary>
public sealed class GoneListenerTests : IAsyncLifetime
{
    private const int Clients = 30;
    private const int PerSecond = 10;

    /// <summary>At ten a second thirty take three; half of that leaves room for a machine that is slow to hear of the first.</summary>
    private static readonly TimeSpan AtLeast = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private const string ApiKey = "an-api-key-of-more-than-enough-characters";

    private readonly string _keyFile = Path.GetTempFileName();
    private readonly LogSink _sink = new(Stream.Null);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _port = Ports.Free();
    private readonly int _other = Ports.Free();
    private DrainConfig _config = new()
    {
        LameDuck = TimeSpan.Zero,
        ClosesPerSecond = PerSecond,
        CloseReason = "new config",
    };
    private EchoBackend _backend = null!;
    private GatewayEngine _engine = null!;
    private DrainController _drain = null!;
    private Task _running = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _backend = await EchoBackend.StartAsync();
        _engine = new GatewayEngine(
            new EngineOptions
            {
                Loops = 2,
                BindAddress = IPAddress.Loopback,
                Upgrades = config => new ProxyUpgradeHandler(config),
                // Another broker with each other fleet, as with another Redis.
                Brokers = new HubBrokers(static config => config.Fleet, static (_, _) => new MemoryBroker(TimeProvider.System)),
            }
        );
        _drain = new DrainController(_engine, shared: false, new GatewayLog(_sink, default, TimeProvider.System), TimeProvider.System);
        _running = _drain.RunAsync(_stop.Token);
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _drain.Dispose();
        await _engine.DisposeAsync();
        await _backend.DisposeAsync();
        await _sink.DisposeAsync();
        _stop.Dispose();
        File.Delete(_keyFile);
    }

    [Fact]
    public async Task RemovedProxy_TellsItsClientsToGo_AtTheDrainsPace()
    {
        await ApplyAsync(Live(_port), Live(_other, "stays"));
        var clients = await ConnectAsync(_port, Clients);
        using var stays = await ConnectAsync(_other);
        await ApplyAsync(Live(_other, "stays"));

        await Should.ThrowAsync<WebSocketException>(async () => (await ConnectAsync(_port)).Dispose());
        var ends = await Task.WhenAll(clients.Select(EndAsync));

        ends.ShouldAllBe(end => end.Code == 1012 && end.Reason == "new config");
        Span(ends).ShouldBeGreaterThan(AtLeast);
        await Until.TrueAsync(() => _engine.Connections == 1, Limit, "only the one of the other listener is left");
        _drain.Decision.ShouldSatisfyAllConditions(
            static decision => decision.State.ShouldBe(GatewayState.Serving),
            static decision => decision.Ready.ShouldBeTrue(),
            static decision => decision.AcceptNew.ShouldBeTrue()
        );
        await EchoesAsync(stays);
    }

    [Fact]
    public async Task RemovedHub_TellsItsClientsToGo_AtTheDrainsPace()
    {
        await ApplyAsync(Hub(_port), Live(_other));
        var clients = await ConnectHubAsync(_port, Clients);
        await ApplyAsync(Live(_other));

        var ends = await Task.WhenAll(clients.Select(EndAsync));

        ends.ShouldAllBe(end => end.Code == 3001 && end.Reason == "shutdown");
        Span(ends).ShouldBeGreaterThan(AtLeast);
        await Until.TrueAsync(() => _engine.Connections == 0, Limit, "all have gone");
    }

    [Fact]
    public async Task HubWithAnotherBroker_ServesThoseOfTheOldOneUntilTheyAreTold_AndTakesNewOnesAtOnce()
    {
        await ApplyAsync(Hub(_port));
        var clients = await ConnectHubAsync(_port, Clients);
        await ApplyAsync("default/other", Hub(_port));

        // Each is heard until its close: the notice alone is longer than this takes.
        await SayAsync(clients[^1], """{"id":3,"publish":{"channel":"c","data":{"n":1}}}""");
        var told = await Task.WhenAll(clients.Select(client => HeardAsync(client, "\"n\":1")));
        told.ShouldAllBe(heard => heard);
        using var late = (await ConnectHubAsync(_port, 1))[0];

        var ends = await Task.WhenAll(clients.Select(EndAsync));
        ends.ShouldAllBe(end => end.Code == 3001);
        Span(ends).ShouldBeGreaterThan(AtLeast);
        await Until.TrueAsync(() => _engine.Connections == 1, Limit, "only the new one is left");
        await SayAsync(late, """{"id":3,"publish":{"channel":"c","data":{"n":2}}}""");
        (await HeardAsync(late, "\"n\":2")).ShouldBeTrue();
    }

    [Fact]
    public async Task HubWithAnotherBroker_TheApiSpeaksToIt_AlsoOverAConnectionFromBefore()
    {
        await File.WriteAllTextAsync(_keyFile, ApiKey);
        await ApplyAsync(Hub(_port, _keyFile));
        using var api = new TcpClient();
        await api.ConnectAsync(IPAddress.Loopback, _port, ProxyGateway.Deadline());
        using var reader = new StreamReader(api.GetStream());
        (await PublishAsync(api, reader, 1)).ShouldNotContain("Connection: close");

        await ApplyAsync("default/other", Hub(_port, _keyFile));
        using var client = (await ConnectHubAsync(_port, 1))[0];
        var head = await PublishAsync(api, reader, 2);

        (await HeardAsync(client, "\"n\":2")).ShouldBeTrue();
        head.ShouldContain("Connection: close", customMessage: "nothing of the old one is used on and on");
    }

    [Fact]
    public async Task RemovedWhileItDrains_BothTogetherKeepThePace()
    {
        await ApplyAsync(Live(_port), Live(_other, "stays"));
        var clients = await ConnectAsync(_port, Clients / 2);
        clients.AddRange(await ConnectAsync(_other, Clients / 2));
        await ApplyAsync(Live(_other, "stays"));
        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 1,
                ClosesPerSecond = PerSecond,
            }
        );

        var ends = await Task.WhenAll(clients.Select(EndAsync));

        ends.ShouldAllBe(end => end.Code == 1012);
        Span(ends).ShouldBeGreaterThan(AtLeast);
        await Until.TrueAsync(() => _drain.Decision.State == GatewayState.Drained, Limit, "drained");
    }

    [Fact]
    public async Task BackWhileItDrains_TheDrainForgetsNobody()
    {
        _config = _config with { Deadline = TimeSpan.FromMinutes(9), Jitter = TimeSpan.Zero };
        await ApplyAsync(Live(_port), Live(_other, "stays"));
        var clients = await ConnectAsync(_port, Clients);
        var ends = clients.Select(EndAsync).ToList();
        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 1,
                ClosesPerSecond = PerSecond,
            }
        );
        await ApplyAsync(Live(_other, "stays"));
        // They are listed each second, so by now as those of a listener that is gone.
        await Until.TrueAsync(() => ends.Count(static end => end.IsCompleted) >= Clients / 2, Limit, "half of them gone");
        await ApplyAsync(Live(_port), Live(_other, "stays"));

        await Until.TrueAsync(() => ends.TrueForAll(static end => end.IsCompleted), TimeSpan.FromSeconds(30), "all told");
        (await Task.WhenAll(ends)).ShouldAllBe(end => end.Code == 1012);
    }

    [Fact]
    public async Task RawConnection_StaysUntilTheDeadline_UnlessItsListenerIsBack()
    {
        _config = _config with { Deadline = TimeSpan.FromSeconds(3) };
        await ApplyAsync(Tcp(_port), Tcp(_other, "other"));
        using var raw = await DialAsync(_port);
        using var back = await DialAsync(_other);
        await Until.TrueAsync(() => _engine.Connections == 2, Limit, "both connected");
        await ApplyAsync(Tcp(_other, "other"));
        (await IsOpenAsync(raw)).ShouldBeTrue();
        await Until.TrueAsync(() => _engine.Connections == 1, Limit, "cut off at the deadline");
        (await IsOpenAsync(raw)).ShouldBeFalse();

        _config = _config with { Deadline = TimeSpan.FromMinutes(9) };
        await ApplyAsync(Tcp(_port));
        await ApplyAsync(Tcp(_port), Tcp(_other, "other"));
        (await IsOpenAsync(back)).ShouldBeTrue();
        _drain.Pace.ShouldBe(0);
    }

    [Fact]
    public async Task SilentPeer_IsGoneAfterTheDeadline()
    {
        _config = _config with { Deadline = TimeSpan.FromSeconds(1) };
        await ApplyAsync(Live(_port), Live(_other, "stays"));
        // Answers no close frame: never reads.
        using var silent = await ConnectAsync(_port);
        await ApplyAsync(Live(_other, "stays"));
        await Until.TrueAsync(() => _engine.Connections == 0, Limit, "cut off");
    }

    private async Task ApplyAsync(params ListenerConfig[] listeners) => await ApplyAsync("default/test", listeners);

    private async Task ApplyAsync(string fleet, params ListenerConfig[] listeners)
    {
        var result = await _engine.ApplyConfigAsync(
            new GatewayConfig
            {
                Fleet = fleet,
                Drain = _config,
                Listeners = listeners,
                Backends = [ProxyGateway.Backend("app", _backend.Port)],
            }
        );
        result.Errors.ShouldBeEmpty();
        _drain.Configure(_config);
    }

    private static ListenerConfig Tcp(int port, string name = "raw") =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.TCP,
            Port = port,
            Backend = "app",
        };

    private static ListenerConfig Live(int port, string name = "live") =>
        new()
        {
            Name = name,
            Protocol = ListenerProtocol.WebSocket,
            Port = port,
            Backend = "app",
            WebSocket = new WebSocketListenerConfig(),
        };

    private static ListenerConfig Hub(int port, params string[] apiKeyFiles) =>
        new()
        {
            Name = "hub",
            Protocol = ListenerProtocol.WebSocket,
            Port = port,
            WebSocket = new WebSocketListenerConfig
            {
                Mode = WebSocketMode.Hub,
                Hub = new HubConfig
                {
                    Anonymous = true,
                    ApiKeyFiles = apiKeyFiles,
                    Namespaces =
                    [
                        new HubNamespaceConfig
                        {
                            Name = "",
                            Subscribe = HubAudience.Everyone,
                            Publish = HubAudience.Everyone,
                        },
                    ],
                },
            },
        };

    private static async Task<Socket> DialAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port, ProxyGateway.Deadline());
        return socket;
    }

    /// <summary>Whether the backend answers a request over it.</summary>
    private static async Task<bool> IsOpenAsync(Socket socket)
    {
        try
        {
            await socket.SendAsync("GET /refuse HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), ProxyGateway.Deadline());
            return await socket.ReceiveAsync(new byte[4096], ProxyGateway.Deadline()) > 0;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<ClientWebSocket> ConnectAsync(int port)
    {
        var client = new ClientWebSocket();
        await client.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/"), ProxyGateway.Deadline());
        return client;
    }

    private static async Task<List<ClientWebSocket>> ConnectAsync(int port, int count)
    {
        var clients = new List<ClientWebSocket>();
        while (clients.Count < count)
        {
            clients.Add(await ConnectAsync(port));
        }

        return clients;
    }

    /// <summary>Connected to the Hub, and subscribed to one channel.</summary>
    private static async Task<List<ClientWebSocket>> ConnectHubAsync(int port, int count)
    {
        var clients = await ConnectAsync(port, count);
        foreach (var client in clients)
        {
            await SayAsync(client, """{"id":1,"connect":{}}""");
            (await HeardAsync(client, "\"client\":")).ShouldBeTrue();
            await SayAsync(client, """{"id":2,"subscribe":{"channel":"c"}}""");
            (await HeardAsync(client, "\"id\":2")).ShouldBeTrue();
        }

        return clients;
    }

    /// <summary>Publishes by the API, and reads the whole answer; its head.</summary>
    private static async Task<List<string>> PublishAsync(TcpClient api, StreamReader reader, int n)
    {
        var body = $$$"""{"channel":"c","data":{"n":{{{n}}}}}""";
        var request = $"POST /api/publish HTTP/1.1\r\nHost: a\r\nX-API-Key: {ApiKey}\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        await api.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), ProxyGateway.Deadline());
        var head = new List<string>();
        while (await reader.ReadLineAsync(ProxyGateway.Deadline()) is { Length: > 0 } line)
        {
            head.Add(line);
        }

        head[0].ShouldBe("HTTP/1.1 200 OK");
        var length = head.Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal))[16..];
        var answer = new char[int.Parse(length, CultureInfo.InvariantCulture)];
        (await reader.ReadBlockAsync(answer, ProxyGateway.Deadline())).ShouldBe(answer.Length);
        return head;
    }

    private static async Task SayAsync(ClientWebSocket client, string text) =>
        await client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, ProxyGateway.Deadline());

    /// <summary>Reads until a message has that in it; false where the gateway closes before.</summary>
    private static async Task<bool> HeardAsync(ClientWebSocket client, string text)
    {
        var buffer = new byte[4096];
        while (true)
        {
            var got = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
            if (got.MessageType == WebSocketMessageType.Close)
            {
                return false;
            }

            if (Encoding.UTF8.GetString(buffer, 0, got.Count).Contains(text, StringComparison.Ordinal))
            {
                return true;
            }
        }
    }

    private static async Task EchoesAsync(ClientWebSocket client)
    {
        await client.SendAsync(new byte[1], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
        (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).Count.ShouldBe(1);
    }

    /// <summary>Reads until the gateway closes, and answers.</summary>
    private static async Task<(int? Code, string? Reason, long At)> EndAsync(ClientWebSocket client)
    {
        using var _ = client;
        var buffer = new byte[4096];
        while ((await client.ReceiveAsync(buffer, ProxyGateway.Deadline())).MessageType != WebSocketMessageType.Close) { }

        var at = Stopwatch.GetTimestamp();
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        return ((int?)client.CloseStatus, client.CloseStatusDescription, at);
    }

    private static TimeSpan Span((int? Code, string? Reason, long At)[] ends) =>
        Stopwatch.GetElapsedTime(ends.Min(static end => end.At), ends.Max(static end => end.At));
}
