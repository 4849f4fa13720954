using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Transport;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class EngineTests
{
    [Fact]
    public async Task Reload_EverNewListenerNames_AreRefusedBeforeTheCountersEnd()
    {
        await using var gateway = new EngineHarness();
        for (var round = 0; round < LoopCounters.MaxNames / 64; round++)
        {
            await gateway.ApplyAsync(Named(round));
        }

        var refused = await gateway.Engine.ApplyConfigAsync(Named(LoopCounters.MaxNames / 64));
        refused.Accepted.ShouldBeFalse();
        refused.Errors.ShouldHaveSingleItem().ShouldStartWith("listeners: ");

        // Names that were there before are no new ones.
        await gateway.ApplyAsync(Named(0));

        static GatewayConfig Named(int round) =>
            new()
            {
                Fleet = "default/test",
                Listeners = [.. Enumerable.Range(0, 64).Select(i => EngineHarness.Listener($"l-{round}-{i}", 1 + i))],
                Backends = [EngineHarness.Backend("relay", 1)],
            };
    }

    [Fact]
    public async Task IdleTimeout_NoBytes_ClosesAndActivityPutsItOff()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(
            config with
            {
                Listeners = [config.Listeners[0] with { Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromSeconds(3) } }],
            }
        );
        using var client = await EngineHarness.ConnectAsync(port);
        var started = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 8; i++)
        {
            await client.SendAsync(new byte[1]);
            (await client.ReceiveAsync(new byte[1])).ShouldBe(1);
            await Task.Delay(600);
        }

        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await client.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(0);
        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromSeconds(6));
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "logged");
        gateway.Records[0].Reason.ShouldBe(CloseReason.IdleTimeout);
    }

    [Fact]
    public async Task IdleTimeout_ListenerIsGoneForAWhile_HoldsOnceItIsBack()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var idle = TimeSpan.FromMilliseconds(200);
        config = config with { Listeners = [config.Listeners[0] with { Tcp = new TcpListenerConfig { IdleTimeout = idle } }] };
        await gateway.ApplyAsync(config);
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[1]);
        (await client.ReceiveAsync(new byte[1])).ShouldBe(1);
        await gateway.ApplyAsync(config with { Listeners = [] });
        var loop = gateway.Engine.Loops[0];
        var due = await loop.InvokeAsync(() => loop.Tick) + (2 * TimerWheel.Ticks(idle));
        // Its timer has gone off meanwhile, with nothing to go by.
        await Until.TrueAsync(() => loop.InvokeAsync(() => loop.Tick).Result > due, EngineHarness.Patience, "time passes");
        gateway.Engine.Connections.ShouldBe(1);

        await gateway.ApplyAsync(config);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await client.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(0);
    }

    [Fact]
    public async Task Limits_RacingClients_AreExact()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(
            EngineHarness.Config(port, server.Port) with
            {
                Capacity = new CapacityConfig { MaxConnections = 100, ReservedPercent = 75 },
            }
        );
        var clients = await ConnectManyAsync(port, 80);
        (await CountServedAsync(clients)).ShouldBe(25);
        gateway.Engine.Connections.ShouldBe(25);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["capacity"] = 55 });

        // Each place comes back once, whichever way its connection ends.
        clients.ForEach(client => client.Dispose());
        await gateway.NoneOpenAsync();
        clients = await ConnectManyAsync(port, 30);
        (await CountServedAsync(clients)).ShouldBe(25);
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task PerAddress_ChangedByReload_HoldsForNewConnectionsAndDropsNone()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        var clients = await ConnectManyAsync(port, 10);
        (await CountServedAsync(clients)).ShouldBe(10);
        var config = EngineHarness.Config(port, server.Port);
        await gateway.ApplyAsync(config with { Capacity = new CapacityConfig { PerAddress = 5 } });
        await IsResetAsync(port);
        (await CountServedAsync(clients)).ShouldBe(10);
        await gateway.ApplyAsync(config with { Capacity = new CapacityConfig { PerAddress = 11 } });
        var more = await ConnectManyAsync(port, 2);
        (await CountServedAsync(more)).ShouldBe(1);
        gateway.Engine.ListenerLoads()[0].RefusedTotal["per_address"].ShouldBe(2);
        clients.Concat(more).ToList().ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task ListenerLimit_OneListenerFull_LeavesTheOtherAlone()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var ports = await gateway.ListenAsync(2);
        await gateway.ApplyAsync(
            EngineHarness.Config(ports[0], server.Port) with
            {
                Listeners = [EngineHarness.Listener("a", ports[0]) with { MaxConnections = 2 }, EngineHarness.Listener("b", ports[1])],
            }
        );
        var a = await ConnectManyAsync(ports[0], 5);
        var b = await ConnectManyAsync(ports[1], 5);
        (await CountServedAsync(a)).ShouldBe(2);
        (await CountServedAsync(b)).ShouldBe(5);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["listener_capacity"] = 3 });
        a.Concat(b).ToList().ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Reload_ListenersAndBackendsChange_KeepsEveryOpenConnection()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var ports = await gateway.ListenAsync(2);
        await gateway.ApplyAsync(EngineHarness.Config(ports[0], first.Port));
        var clients = await ConnectManyAsync(ports[0], 20);
        (await CountServedAsync(clients)).ShouldBe(20);

        // The listener is gone, and so is its backend; another comes instead.
        await gateway.ApplyAsync(
            new GatewayConfig
            {
                Fleet = "default/test",
                Listeners = [EngineHarness.Listener("other", ports[1], "app")],
                Backends = [EngineHarness.Backend("app", second.Port)],
            }
        );
        (await CountServedAsync(clients)).ShouldBe(20);
        var others = await ConnectManyAsync(ports[1], 5);
        (await CountServedAsync(others)).ShouldBe(5);
        second.Accepted.ShouldBe(5);
        gateway.Engine.ListenerLoads().Select(load => (load.Name, load.Connections)).ShouldBe([("edge", 20), ("other", 5)]);

        // Back again: the same listener with its counts.
        await gateway.ApplyAsync(EngineHarness.Config(ports[0], second.Port));
        gateway.Engine.ListenerLoads()[0].AcceptedTotal.ShouldBe(20);
        clients.Concat(others).ToList().ForEach(client => client.Dispose());
        await gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task Reload_Bad_ChangesNothing()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        var hash = gateway.Engine.Snapshot!.Hash;
        var result = await gateway.Engine.ApplyConfigAsync(EngineHarness.Config(70_000, server.Port));
        result.Accepted.ShouldBeFalse();
        result.Errors.ShouldHaveSingleItem().ShouldStartWith("listeners[0].port: ");
        gateway.Engine.Snapshot.Hash.ShouldBe(hash);
        (await CountServedAsync(await ConnectManyAsync(port, 1))).ShouldBe(1);
    }

    [Fact]
    public async Task Refuse_NewConnections_AreResetAndOpenOnesStay()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        var clients = await ConnectManyAsync(port, 3);
        (await CountServedAsync(clients)).ShouldBe(3);
        await gateway.Engine.SetModeAsync(AcceptMode.Refuse);
        await IsResetAsync(port);
        (await CountServedAsync(clients)).ShouldBe(3);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["draining"] = 1 });
    }

    [Fact]
    public async Task Close_TheOldest_ClosesThoseAndNoOther()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        var clients = new List<Socket>();
        for (var i = 0; i < 10; i++)
        {
            clients.AddRange(await ConnectManyAsync(port, 1));
            (await CountServedAsync(clients.TakeLast(1))).ShouldBe(1);
        }

        var listed = await gateway.Engine.ListConnectionsAsync();
        listed.Count.ShouldBe(10);
        var oldest = listed.Take(4).ToList();
        (await gateway.Engine.CloseAsync(oldest, new CloseOrder(CloseReason.Drained, null))).ShouldBe(4);
        (await CountServedAsync(clients.Take(4))).ShouldBe(0);
        (await CountServedAsync(clients.Skip(4))).ShouldBe(6);

        // The same list again: those connections are no more, whoever has their descriptors now.
        clients.AddRange(await ConnectManyAsync(port, 4));
        (await CountServedAsync(clients.Skip(4))).ShouldBe(10);
        (await gateway.Engine.CloseAsync(oldest, new CloseOrder(CloseReason.Drained, null))).ShouldBe(0);
        gateway.Engine.Connections.ShouldBe(10);
    }

    [Fact]
    public async Task Dispose_ConnectionsOpen_ResetsThemAndLaterQuestionsDoNoHarm()
    {
        using var server = new TestServer();
        var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        var clients = await ConnectManyAsync(port, 10);
        (await CountServedAsync(clients)).ShouldBe(10);
        await gateway.DisposeAsync();
        (await CountServedAsync(clients)).ShouldBe(0);
        gateway.Engine.Connections.ShouldBe(0);
        gateway.Engine.ListenerLoads()[0].AcceptedTotal.ShouldBe(10);
        gateway.Records.Count(record => record.Reason == CloseReason.DrainDeadline).ShouldBe(10);
        await Should.ThrowAsync<OperationCanceledException>(gateway.Engine.ListConnectionsAsync);
    }

    [Fact]
    public async Task Handshake_HandlerThrows_EndsThatConnectionOnly()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { Upgrades = _ => new ThrowingHandler() });
        var ports = await gateway.ListenAsync(2);
        await gateway.ApplyAsync(
            EngineHarness.Config(ports[0], server.Port) with
            {
                Listeners =
                [
                    EngineHarness.Listener("edge", ports[0]),
                    new ListenerConfig
                    {
                        Name = "live",
                        Protocol = ListenerProtocol.WebSocket,
                        Port = ports[1],
                        Backend = "relay",
                    },
                ],
            }
        );
        var steady = await ConnectManyAsync(ports[0], 3);
        (await CountServedAsync(steady)).ShouldBe(3);
        (await CountServedAsync(await ConnectManyAsync(ports[1], 3))).ShouldBe(0);
        (await CountServedAsync(steady)).ShouldBe(3);
        await Until.TrueAsync(
            () => gateway.Records.Count(record => record.Reason == CloseReason.Fault) == 3,
            EngineHarness.Patience,
            "logged"
        );
        steady.ForEach(client => client.Dispose());
        await gateway.NoneOpenAsync();
    }

    [Fact]
    public async Task Garbage_RandomBytesAndAborts_LeaveTheGatewayServing()
    {
        using var server = new TestServer(async socket =>
        {
            var random = new Random();
            await socket.SendAsync(new byte[random.Next(1, 100_000)]);
            if (random.Next(2) == 0)
            {
                socket.LingerState = new LingerOption(true, 0);
            }
        });
        await using var gateway = new EngineHarness(loops: 2);
        var port = await gateway.ServeAsync(server.Port);
        await Task.WhenAll(
            Enumerable
                .Range(0, 300)
                .Select(async seed =>
                {
                    var random = new Random(seed);
                    try
                    {
                        using var client = await EngineHarness.ConnectAsync(port);
                        var data = new byte[random.Next(1, 50_000)];
                        random.NextBytes(data);
                        await client.SendAsync(data);
                        await client.ReceiveAsync(new byte[random.Next(1, 1000)]);
                    }
                    catch (SocketException)
                    {
                        // Resets are part of it.
                    }
                })
        );
        await gateway.NoneOpenAsync();
        gateway.Engine.BackendLoads()[0].Endpoints.Sum(endpoint => endpoint.Connections).ShouldBe(0);
    }

    /// <summary>A handler with a bug.</summary>
    private sealed class ThrowingHandler : IUpgradeHandler
    {
        public UpgradeRequest ReadRequest(ReadOnlySpan<byte> received, in UpgradeClient client, Span<byte> rewritten) =>
            throw new InvalidOperationException("a bug, for the test");

        public UpgradeResponse ReadResponse(
            in UpgradeRequest request,
            ReadOnlySpan<char> affinityKey,
            ReadOnlySpan<byte> received,
            Span<byte> rewritten
        ) => throw new InvalidOperationException("a bug, for the test");

        public ReadOnlyMemory<byte> Answer(UpgradeFailure failure) => throw new InvalidOperationException("a bug, for the test");
    }
}
