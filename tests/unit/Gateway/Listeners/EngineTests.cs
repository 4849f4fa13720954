using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.WebSockets;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

public sealed class EngineTests
{
    [Fact]
    public async Task Connect_FirstEndpointRefuses_AnotherIsTaken()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(ClosedPort(), server.Port, ClosedPort());
        for (var i = 0; i < 10; i++)
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await TcpRelayTests.ExchangeAsync(client, 100, 100, i);
        }

        server.Accepted.ShouldBe(10);
        var endpoints = gateway.Engine.BackendLoads()[0].Endpoints;
        endpoints
            .Single(endpoint => endpoint.ConnectsTotal > 0)
            .ShouldSatisfyAllConditions(good => good.ConnectsTotal.ShouldBe(10), good => good.FailuresTotal.ShouldBe(0));

        // Three failures put an endpoint out, so each bad one was tried three times at most.
        endpoints.Where(endpoint => endpoint.ConnectsTotal == 0).ShouldAllBe(bad => bad.FailuresTotal <= 3);
    }

    [Fact]
    public async Task Reload_EverNewListenerNames_AreRefusedBeforeTheCountersEnd()
    {
        await using var gateway = new EngineHarness();
        for (var round = 0; round < LoopCounters.MaxListeners / 64; round++)
        {
            await gateway.ApplyAsync(Named(round));
        }

        var refused = await gateway.Engine.ApplyConfigAsync(Named(LoopCounters.MaxListeners / 64));
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
    public async Task Accept_SocketShutDownByItsOwner_DoesNotHoldUpTheLoop()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var ports = await gateway.ListenAsync(2);
        await gateway.ApplyAsync(
            EngineHarness.Config(ports[0], server.Port) with
            {
                Listeners = [EngineHarness.Listener("one", ports[0]), EngineHarness.Listener("two", ports[1])],
            }
        );
        gateway.Owned[0].Shutdown(SocketShutdown.Both);
        using var client = await EngineHarness.ConnectAsync(ports[1]);
        await TcpRelayTests.ExchangeAsync(client, 1000, 1000, 1);
    }

    [Fact]
    public async Task Connect_NoEndpointAnswers_IsResetAndCounted()
    {
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(ClosedPort());
        await IsResetAsync(port);
        await gateway.NoneOpenAsync();
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["connect_failed"] = 1 });
    }

    [Fact]
    public async Task Connect_EndpointDoesNotAnswer_TimesOutAndAnotherIsTaken()
    {
        // A full backlog: the kernel drops further SYNs, so a connect to it hangs.
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen(1);
        var silentPort = ((IPEndPoint)silent.LocalEndPoint!).Port;
        using var fill1 = await EngineHarness.ConnectAsync(silentPort);
        using var fill2 = await EngineHarness.ConnectAsync(silentPort);
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, silentPort, server.Port);
        await gateway.ApplyAsync(
            config with
            {
                Listeners = [config.Listeners[0] with { Tcp = new TcpListenerConfig { Balancing = BalancingPolicy.RoundRobin } }],
                Backends =
                [
                    config.Backends[0] with
                    {
                        ConnectTimeout = TimeSpan.FromMilliseconds(150),
                        PassiveHealth = new PassiveHealthConfig { MaxFails = 1, FailTimeout = TimeSpan.FromHours(1) },
                    },
                ],
            }
        );
        for (var i = 0; i < 2; i++)
        {
            using var client = await EngineHarness.ConnectAsync(port);
            await TcpRelayTests.ExchangeAsync(client, 10, 10, i);
        }

        gateway.Engine.BackendLoads()[0].Endpoints[0].FailuresTotal.ShouldBe(1);
        server.Accepted.ShouldBe(2);
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
                Listeners = [config.Listeners[0] with { Tcp = new TcpListenerConfig { IdleTimeout = TimeSpan.FromSeconds(1) } }],
            }
        );
        using var client = await EngineHarness.ConnectAsync(port);
        var started = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 8; i++)
        {
            await client.SendAsync(new byte[1]);
            (await client.ReceiveAsync(new byte[1])).ShouldBe(1);
            await Task.Delay(200);
        }

        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await client.ReceiveAsync(new byte[1], limit.Token)).ShouldBe(0);
        TimeProvider.System.GetElapsedTime(started).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(2000));
        await Until.TrueAsync(() => gateway.Records.Count == 1, EngineHarness.Patience, "logged");
        gateway.Records[0].Reason.ShouldBe(CloseReason.IdleTimeout);
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
    public async Task Bind_PortTaken_NamesListenerAndPortAndOpensNone()
    {
        using var taken = new TestServer();
        await using var gateway = new EngineHarness(change: options => options with { BindsListeners = true });
        var free = ClosedPort();
        var config = EngineHarness.Config(free, taken.Port);
        var result = await gateway.Engine.ApplyConfigAsync(
            config with
            {
                Listeners = [EngineHarness.Listener("a", free), EngineHarness.Listener("b", taken.Port)],
            }
        );
        result
            .Errors.ShouldHaveSingleItem()
            .ShouldBe($"listeners[1].port: listener 'b' cannot listen on port {taken.Port}: Address already in use");
        await Should.ThrowAsync<SocketException>(() => EngineHarness.ConnectAsync(free));

        (await gateway.Engine.ApplyConfigAsync(config)).Accepted.ShouldBeTrue();
        (await CountServedAsync(await ConnectManyAsync(free, 1))).ShouldBe(1);
    }

    [Fact]
    public async Task Handover_SocketMissingFromTheNextSet_IsLetGoButStaysOpenElsewhere()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        gateway.Engine.WaitingListeners.ShouldBeEmpty();
        await gateway.HandOverAsync([]);
        gateway.Engine.WaitingListeners.ShouldBe(["edge"]);

        // The owner's queue takes the connection; whoever gets the socket next serves it.
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync(new byte[5]);
        await gateway.HandOverAsync(gateway.Owned);
        (await client.ReceiveAsync(new byte[5])).ShouldBe(5);
    }

    [Fact]
    public async Task Pause_OneOfTwoEngines_LeavesTheConnectionsToTheOther()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.HandOverAsync(one.Owned);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        await one.Engine.SetModeAsync(AcceptMode.Pause);
        var clients = await ConnectManyAsync(port, 20);
        (await CountServedAsync(clients)).ShouldBe(20);
        (one.Engine.Connections, two.Engine.Connections).ShouldBe((0, 20));

        await one.Engine.SetModeAsync(AcceptMode.Accept);
        await two.Engine.SetModeAsync(AcceptMode.Pause);
        var others = await ConnectManyAsync(port, 5);
        (await CountServedAsync(others)).ShouldBe(5);
        one.Engine.Connections.ShouldBe(5);
        clients.Concat(others).ToList().ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task Shared_OneClientAtATime_IsSpreadOverBothEngines()
    {
        using var server = new TestServer();
        await using var one = new EngineHarness();
        await using var two = new EngineHarness();
        var port = await one.ServeAsync(server.Port);
        await two.HandOverAsync(one.Owned);
        await two.ApplyAsync(EngineHarness.Config(port, server.Port));
        var clients = new List<Socket>();
        for (var i = 0; i < 40; i++)
        {
            clients.AddRange(await ConnectManyAsync(port, 1));
            (await CountServedAsync(clients.TakeLast(1))).ShouldBe(1);
        }

        // The kernel alone would give all of them to the one that waited first.
        one.Engine.Connections.ShouldBeInRange(10, 30);
        two.Engine.Connections.ShouldBe(40 - one.Engine.Connections);
        clients.ForEach(client => client.Dispose());
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
    public async Task Endpoints_Pushed_TakeOverAndDrainingOnesKeepTheirConnections()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        await using var gateway = new EngineHarness();
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(
            EngineHarness.Config(port) with
            {
                Backends = [new BackendConfig { Name = "relay", Source = EndpointSource.Pushed }],
            }
        );
        await IsResetAsync(port);
        gateway.Engine.ListenerLoads()[0].RefusedTotal.ShouldBe(new Dictionary<string, long> { ["no_backend"] = 1 });

        (await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", first.Port, false)))).ShouldBeTrue();
        var clients = await ConnectManyAsync(port, 5);
        (await CountServedAsync(clients)).ShouldBe(5);
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", first.Port, true), ("pod-2", second.Port, false)));
        var more = await ConnectManyAsync(port, 5);
        (await CountServedAsync(clients.Concat(more))).ShouldBe(10);
        gateway
            .Engine.BackendLoads()[0]
            .Endpoints.Select(endpoint => (endpoint.Id, endpoint.Connections))
            .ShouldBe([("pod-1", 5), ("pod-2", 5)]);
        (await gateway.Engine.ApplyEndpointsAsync(Push() with { Backend = "nowhere" })).ShouldBeFalse();
    }

    [Fact]
    public async Task Endpoints_ByDns_ServeUntilAPushComes()
    {
        using var server = new TestServer();
        var resolver = new EndpointResolver((_, _) => Task.FromResult(new[] { IPAddress.Loopback }));
        await using var gateway = new EngineHarness(change: options => options with { Resolver = resolver });
        var port = (await gateway.ListenAsync())[0];
        await gateway.ApplyAsync(
            EngineHarness.Config(port) with
            {
                Backends =
                [
                    new BackendConfig
                    {
                        Name = "relay",
                        Source = EndpointSource.Pushed,
                        DnsName = "relay.svc",
                        DnsPort = server.Port,
                    },
                ],
            }
        );
        await Until.TrueAsync(() => gateway.Engine.BackendLoads()[0].Endpoints.Count == 1, EngineHarness.Patience, "the name is resolved");
        (await CountServedAsync(await ConnectManyAsync(port, 3))).ShouldBe(3);
        await gateway.Engine.ApplyEndpointsAsync(Push());
        gateway.Engine.BackendLoads()[0].Endpoints.ShouldBeEmpty();
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

    private static EndpointsMessage Push(params (string Id, int Port, bool Draining)[] endpoints) =>
        new()
        {
            Backend = "relay",
            Endpoints =
            [
                .. endpoints.Select(e => new EndpointInfo
                {
                    Id = e.Id,
                    Address = "127.0.0.1",
                    Port = e.Port,
                    Draining = e.Draining,
                }),
            ],
        };

    /// <summary>A port where nothing listens.</summary>
    private static int ClosedPort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task<List<Socket>> ConnectManyAsync(int port, int count) =>
        [.. await Task.WhenAll(Enumerable.Range(0, count).Select(_ => TryConnectAsync(port)))];

    /// <summary>A socket that may have been reset already: the gateway refuses after the kernel has connected.</summary>
    private static async Task<Socket> TryConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Its next use says so again.
        }

        return socket;
    }

    /// <summary>How many of the clients get an echo, rather than a reset.</summary>
    private static async Task<int> CountServedAsync(IEnumerable<Socket> clients)
    {
        var served = await Task.WhenAll(
            clients.Select(async client =>
            {
                try
                {
                    using var limit = new CancellationTokenSource(EngineHarness.Patience);
                    await client.SendAsync(new byte[] { 1 }, limit.Token);
                    return await client.ReceiveAsync(new byte[1], limit.Token) == 1;
                }
                catch (SocketException)
                {
                    return false;
                }
            })
        );
        return served.Count(one => one);
    }

    private static async Task IsResetAsync(int port)
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        var error = await Should.ThrowAsync<SocketException>(async () =>
        {
            await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
            await client.ReceiveAsync(new byte[1], limit.Token);
        });
        error.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
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
