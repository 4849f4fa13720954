using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Draining;

public sealed class DrainControllerTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);
    private readonly LogSink _sink = new(Stream.Null);
    private readonly CancellationTokenSource _stop = new();
    private EchoBackend _backend = null!;
    private ProxyGateway _gateway = null!;
    private DrainController _drain = null!;
    private Task _running = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _backend = await EchoBackend.StartAsync();
        _gateway = await ProxyGateway.StartAsync(new WebSocketListenerConfig(), "app", ProxyGateway.Backend("app", _backend.Port));
        _drain = new DrainController(
            _gateway.Engine,
            shared: false,
            new GatewayLog(_sink, default, TimeProvider.System),
            TimeProvider.System
        );
        _drain.Configure(
            new DrainConfig
            {
                LameDuck = TimeSpan.Zero,
                ClosesPerSecond = 100,
                CloseReason = "rollout of r2",
            }
        );
        _running = _drain.RunAsync(_stop.Token);
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _drain.Dispose();
        await _gateway.DisposeAsync();
        await _backend.DisposeAsync();
        await _sink.DisposeAsync();
    }

    [Fact]
    public async Task Drain_InTheMiddleOfTraffic_LosesAndCorruptsNothing()
    {
        const int clients = 20;
        var talking = 0;
        var talks = Enumerable
            .Range(0, clients)
            .Select(async i =>
            {
                using var client = await _gateway.ConnectAsync();
                return await TalkAsync(client, i, () => Interlocked.Increment(ref talking));
            })
            .ToList();
        await Until.TrueAsync(() => Volatile.Read(ref talking) == clients, Limit, "every client talking");
        _drain
            .Apply(
                new DirectiveMessage
                {
                    Kind = DirectiveKind.Drain,
                    Epoch = 1,
                    Sequence = 1,
                }
            )
            .ShouldBe(DirectiveOutcome.Accepted);
        var sent = await Task.WhenAll(talks);

        var seen = new List<byte[]>();
        for (var i = 0; i < clients; i++)
        {
            var (status, description, received) = await _backend.Ended.Reader.ReadAsync(ProxyGateway.Deadline());
            ((int)status!).ShouldBe(1012);
            description.ShouldBe("rollout of r2");
            seen.Add(received);
        }

        // All that a client had sent before it answered the close has reached the backend, byte for byte.
        foreach (var received in seen)
        {
            received.AsSpan().SequenceEqual(sent[received[0]]).ShouldBeTrue($"client {received[0]}");
        }

        await Until.TrueAsync(() => _drain.Decision.State == GatewayState.Drained, Limit, "drained");
        _drain.CutOff.ShouldBe(0);
    }

    [Fact]
    public async Task Drain_GoesOn_WhereAStepFailsUnforeseen()
    {
        using var client = await _gateway.ConnectAsync();
        _drain.StateChanged = static state => throw new InvalidOperationException($"nobody foresaw {state}");
        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 1,
            }
        );
        (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Close);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        await Until.TrueAsync(() => _drain.Decision.State == GatewayState.Drained, Limit, "drained");
        _running.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Drain_RawConnection_StaysUntilTheDeadline()
    {
        // A handshake that is not finished is no WebSocket yet: as raw as TCP.
        using var raw = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await raw.ConnectAsync(IPAddress.Loopback, _gateway.Port, ProxyGateway.Deadline());
        using var client = await _gateway.ConnectAsync();
        await Until.TrueAsync(() => _gateway.Engine.Connections == 2, Limit, "both connected");
        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 1,
            }
        );
        (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Close);
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        await Until.TrueAsync(() => _gateway.Engine.Connections == 1, Limit, "the WebSocket gone");
        _drain.Decision.State.ShouldBe(GatewayState.Draining);

        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Drain,
                Epoch = 1,
                Sequence = 2,
                Deadline = DateTimeOffset.UtcNow,
            }
        );
        await Until.TrueAsync(() => _drain.Decision.State == GatewayState.Drained, Limit, "drained");
        _drain.CutOff.ShouldBe(1);
    }

    [Fact]
    public async Task Terminate_AtOnce_StaysSoWhateverConfigComes()
    {
        var patient = new DrainConfig { LameDuck = TimeSpan.FromMinutes(1), ClosesPerSecond = 1 };
        _drain.Configure(patient);
        using var first = await _gateway.ConnectAsync();
        using var second = await _gateway.ConnectAsync();
        var told = new[] { first, second }.Select(client => client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).ToList();
        _drain.Terminate(lameDuck: false);
        await Until.TrueAsync(() => _gateway.Engine.Loops[0].Engine.Mode == AcceptMode.Refuse, Limit, "refusing");
        _drain.Configure(patient);

        // With a lame-duck time it would accept again, and tell nobody before its end.
        var accepts = false;
        await Until.TrueAsync(
            () =>
            {
                accepts |= _gateway.Engine.Loops[0].Engine.Mode != AcceptMode.Refuse;
                return accepts || told.TrueForAll(static one => one.IsCompleted);
            },
            Limit,
            "both told"
        );
        accepts.ShouldBeFalse();
        (await Task.WhenAll(told)).ShouldAllBe(one => one.MessageType == WebSocketMessageType.Close);
    }

    [Fact]
    public async Task Cordon_RefusesNewOnes_ServeTakesItBack()
    {
        using var before = await _gateway.ConnectAsync();
        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Cordon,
                Epoch = 1,
                Sequence = 1,
            }
        );
        await Until.TrueAsync(() => !_drain.Decision.AcceptNew, Limit, "refusing");
        _drain.Decision.Ready.ShouldBeFalse();
        await Until.TrueAsync(
            async () => (await Should.ThrowAsync<WebSocketException>(async () => (await _gateway.ConnectAsync()).Dispose())) is not null,
            Limit,
            "refused"
        );
        await before.SendAsync(new byte[1], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
        (await before.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).Count.ShouldBe(1);

        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Serve,
                Epoch = 1,
                Sequence = 2,
            }
        );
        await Until.TrueAsync(
            async () =>
            {
                using var after = await _gateway.ConnectAsync();
                return after.State == WebSocketState.Open;
            },
            Limit,
            "serving again"
        );
    }

    [Fact]
    public async Task Shed_ClosesTheOldest()
    {
        var clients = new List<ClientWebSocket>();
        for (var i = 0; i < 10; i++)
        {
            clients.Add(await _gateway.ConnectAsync());
        }

        _drain.Apply(
            new DirectiveMessage
            {
                Kind = DirectiveKind.Shed,
                Epoch = 1,
                Sequence = 1,
                TargetConnections = 7,
            }
        );
        foreach (var client in clients.Take(3))
        {
            (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Close);
            await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ProxyGateway.Deadline());
        }

        await Until.TrueAsync(() => _gateway.Engine.Connections == 7, Limit, "down to the target");
        foreach (var client in clients.Skip(3))
        {
            await client.SendAsync(new byte[1], WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
            (await client.ReceiveAsync(new byte[1], ProxyGateway.Deadline())).MessageType.ShouldBe(WebSocketMessageType.Binary);
        }

        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Terminate_SilentPeer_IsGoneAtLast()
    {
        // Answers no close frame: never reads.
        using var silent = await _gateway.ConnectAsync();
        _drain.Terminate(lameDuck: true);

        await _running.WaitAsync(Limit);
        _gateway.Engine.Connections.ShouldBe(0);
    }

    /// <summary>Sends numbered messages of growing size, checks each echo, and returns all that was sent until the gateway's close.</summary>
    private static async Task<byte[]> TalkAsync(ClientWebSocket client, int number, Action firstEcho)
    {
        using var sent = new MemoryStream();
        using var closed = new CancellationTokenSource();
        using var window = new SemaphoreSlim(1);
        var sending = Task.Run(async () =>
        {
            var random = new Random(number);
            while (!closed.IsCancellationRequested)
            {
                var message = new byte[random.Next(1, 8_000)];
                random.NextBytes(message);
                message[0] = (byte)number;
                await client.SendAsync(message, WebSocketMessageType.Binary, true, ProxyGateway.Deadline());
                sent.Write(message);
                try
                {
                    await window.WaitAsync(closed.Token);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        });
        using var echoed = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var result = await client.ReceiveAsync(buffer, ProxyGateway.Deadline());
            if (result.MessageType == WebSocketMessageType.Close)
            {
                break;
            }

            if (echoed.Length == 0)
            {
                firstEcho();
            }

            echoed.Write(buffer, 0, result.Count);
            if (result.EndOfMessage)
            {
                window.Release();
            }
        }

        ((int)client.CloseStatus!).ShouldBe(1012);
        client.CloseStatusDescription.ShouldBe("rollout of r2");
        await closed.CancelAsync();
        await sending;
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye", ProxyGateway.Deadline());
        var all = sent.ToArray();
        all.AsSpan(0, (int)echoed.Length).SequenceEqual(echoed.ToArray()).ShouldBeTrue("the echo is a prefix of what was sent");
        return all;
    }
}
