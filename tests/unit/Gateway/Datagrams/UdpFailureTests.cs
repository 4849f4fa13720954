using System.Net;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Listeners;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Datagrams;

public sealed class UdpFailureTests
{
    [Fact]
    public async Task Endpoint_ThatDies_GivesItsFlowsToAnother()
    {
        var first = UdpServer.Named("first");
        var second = UdpServer.Named("second");
        await using var gateway = await UdpGateway.StartAsync([first.Port, second.Port]);
        using var client = gateway.Client();
        var before = (await client.AskAsync("a")).Split(':')[0];
        var (dead, alive) = before == "first" ? (first, "second") : (second, "first");
        dead.Dispose();

        // The first datagram meets a closed port; what comes after goes elsewhere.
        (await client.AskAsync("b")).ShouldBe($"{alive}:b");
        gateway.Engine.Connections.ShouldBe(1);
        gateway.Load.AcceptedTotal.ShouldBe(1);
        var endpoint = gateway.Engine.BackendLoads()[0].Endpoints.Single(load => load.Id == $"127.0.0.1:{dead.Port}");
        endpoint.FailuresTotal.ShouldBe(1);
        endpoint.Healthy.ShouldBeFalse();
        endpoint.Connections.ShouldBe(0);

        // While it is out, a new client of the same address is spared the try.
        using var other = gateway.Client();
        await other.SendAsync(Encoding.UTF8.GetBytes("c"));
        Encoding.UTF8.GetString(await other.ReceiveAsync()).ShouldBe($"{alive}:c");
        first.Dispose();
        second.Dispose();
    }

    [Fact]
    public async Task FleetShare_HoldsForFlowsToo()
    {
        using var server = UdpServer.Named("only");
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        gateway.Engine.Share.Set(1);
        using var first = gateway.Client();
        (await first.AskAsync("a")).ShouldBe("only:a");
        using var second = gateway.Client();
        await second.SendAsync("b"u8.ToArray());
        await Until.TrueAsync(
            () => gateway.Load.RefusedTotal.GetValueOrDefault("fleet_capacity") > 0,
            EngineHarness.Patience,
            "the second is refused"
        );
        gateway.Engine.Connections.ShouldBe(1);
        gateway.Engine.Share.Refused.ShouldBeGreaterThan(0);

        gateway.Engine.Share.Set(2);
        (await second.AskAsync("c")).ShouldBe("only:c");
        (await first.AskAsync("d")).ShouldBe("only:d");
    }

    [Fact]
    public async Task Endpoint_ThatComesBack_GetsNewFlowsOnly()
    {
        var first = UdpServer.Named("first");
        var second = UdpServer.Named("second");
        await using var gateway = await UdpGateway.StartAsync(
            [first.Port, second.Port],
            config => WithHealth(config, TimeSpan.FromMilliseconds(500))
        );
        using var client = gateway.Client();
        var home = (await client.AskAsync("a")).Split(':')[0];
        var (dead, alive) = home == "first" ? (first, "second") : (second, "first");
        dead.Dispose();
        (await client.AskAsync("b")).ShouldBe($"{alive}:b");
        using var back = UdpServer.Named(home, dead.Port);
        await Until.TrueAsync(
            async () =>
            {
                // The old flow stays where it is, however often new ones go home.
                (await client.AskAsync("c")).ShouldBe($"{alive}:c");
                using var newcomer = gateway.Client();
                return (await newcomer.AskAsync("d")).StartsWith(home);
            },
            EngineHarness.Patience,
            "new flows go to the endpoint that came back"
        );
        (await client.AskAsync("e")).ShouldBe($"{alive}:e");
        first.Dispose();
        second.Dispose();
    }

    [IcmpFact]
    public async Task FragmentationNeeded_IsToldOfADatagramBefore_AndCostsNoOther()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port]);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        var flow = IPEndPoint.Parse(server.Peers.Keys.Single());
        using (await HeldLoop.BeginAsync(gateway.Engine.Loops[0]))
        {
            // They come to the loop in this order: the error is met by the next datagram.
            await client.SendAsync("b"u8.ToArray());
            Icmp.FragmentationNeeded(flow.Port, server.Port, nextHop: 1300);
        }

        Encoding.UTF8.GetString(await client.ReceiveAsync()).ShouldBe("b");
        gateway.Dropped("too_large").ShouldBe(0);
    }

    [Fact]
    public async Task Endpoints_AllGone_DatagramsAreCountedAndFlowsEnd()
    {
        await using var gateway = await UdpGateway.StartAsync([Ports.Free()]);
        using var client = gateway.Client();
        await Until.TrueAsync(
            async () =>
            {
                await client.SendAsync([1]);
                return gateway.Records.Any(record => record.Reason == CloseReason.BackendReset);
            },
            EngineHarness.Patience,
            "a flow ends because its endpoint is gone"
        );
        await gateway.FlowsAsync(0);
        gateway.Engine.BackendLoads()[0].Endpoints[0].FailuresTotal.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Endpoints_TwoOfThreeDead_FlowFindsTheThird()
    {
        var servers = Enumerable.Range(0, 3).Select(number => UdpServer.Named($"s{number}")).ToList();
        await using var gateway = await UdpGateway.StartAsync(servers.Select(server => server.Port), Never);
        using (var scout = gateway.Client())
        {
            // Where flows of this address go first, and second.
            for (var dead = 0; dead < 2; dead++)
            {
                servers[(await scout.AskAsync($"{dead}"))[1] - '0'].Dispose();
            }
        }

        using var client = gateway.Client();
        var answer = await client.AskAsync("a");
        gateway.Load.AcceptedTotal.ShouldBe(2);
        answer.ShouldStartWith("s");
        servers.ForEach(server => server.Dispose());

        static GatewayConfig Never(GatewayConfig config) =>
            config with
            {
                Backends = [config.Backends[0] with { PassiveHealth = new PassiveHealthConfig { MaxFails = 0 } }],
            };
    }

    [Fact]
    public async Task Retry_OneAttempt_EndsTheFlowInsteadOfMovingIt()
    {
        var first = UdpServer.Named("first");
        var second = UdpServer.Named("second");
        await using var gateway = await UdpGateway.StartAsync(
            [first.Port, second.Port],
            config => config with { Backends = [config.Backends[0] with { Retry = new RetryConfig { Attempts = 1 } }] }
        );
        using var client = gateway.Client();
        var home = (await client.AskAsync("a")).Split(':')[0];
        (home == "first" ? first : second).Dispose();
        (await client.AskAsync("b")).ShouldBe($"{(home == "first" ? "second" : "first")}:b");
        await Until.TrueAsync(
            () => gateway.Records.Any(record => record.Reason == CloseReason.BackendReset),
            EngineHarness.Patience,
            "the flow ended, and another went elsewhere"
        );
        gateway.Load.AcceptedTotal.ShouldBe(2);
        first.Dispose();
        second.Dispose();
    }

    [Fact]
    public async Task BreakerOpen_FlowsAreRefusedAndCountedAsThat()
    {
        await using var gateway = await UdpGateway.StartAsync(
            [Ports.Free()],
            config =>
                config with
                {
                    Backends =
                    [
                        config.Backends[0] with
                        {
                            CircuitBreaker = new CircuitBreakerConfig { FailureThreshold = 1, ResetTimeout = TimeSpan.FromMinutes(10) },
                        },
                    ],
                }
        );
        using var client = gateway.Client();
        await RefusedAsync(gateway, client, "circuit_open");
        gateway.Engine.BackendLoads()[0].Endpoints[0].Breaker!.RejectedTotal.ShouldBeGreaterThan(0);
        gateway.Load.RefusedTotal.GetValueOrDefault("backend_capacity").ShouldBe(0);
    }

    [Fact]
    public async Task Backup_TakesOverWhereNoEndpointCanBeUsed()
    {
        using var backup = UdpServer.Named("backup");
        await using var gateway = await UdpGateway.StartAsync([], WithBackup);
        using var client = gateway.Client();
        // Nothing is known of the backend yet.
        (await client.AskAsync("a")).ShouldBe("backup:a");
        using var main = UdpServer.Named("main");
        var endpoint = new EndpointInfo
        {
            Id = "pod",
            Address = "127.0.0.1",
            Port = main.Port,
        };
        await gateway.Engine.ApplyEndpointsAsync(new EndpointsMessage { Backend = "relay", Endpoints = [endpoint] });
        (await client.AskAsync("b")).ShouldBe("backup:b");
        using var newcomer = gateway.Client();
        (await newcomer.AskAsync("c")).ShouldBe("main:c");

        // And flows that are there already move to it.
        await gateway.Engine.ApplyEndpointsAsync(new EndpointsMessage { Backend = "relay", Endpoints = [] });
        (await newcomer.AskAsync("d")).ShouldBe("backup:d");
        gateway.Engine.BackendLoads().Single(load => load.Name == "backup").Endpoints[0].Connections.ShouldBe(2);

        GatewayConfig WithBackup(GatewayConfig config) =>
            config with
            {
                Backends =
                [
                    new BackendConfig
                    {
                        Name = "relay",
                        Source = EndpointSource.Pushed,
                        Backup = "backup",
                    },
                    EngineHarness.Backend("backup", backup.Port),
                ],
            };
    }

    [Fact]
    public async Task Listener_WithAllItsFlows_RefusesAndCounts()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], config => Limited(config, 3));
        var clients = Enumerable.Range(0, 3).Select(_ => gateway.Client()).ToList();
        foreach (var client in clients)
        {
            // Twice: a client of one datagram would give way.
            (await client.AskAsync("a")).ShouldBe("a");
            (await client.AskAsync("b")).ShouldBe("b");
        }

        using var late = gateway.Client();
        await Until.TrueAsync(
            async () =>
            {
                await late.SendAsync([1]);
                return gateway.Load.RefusedTotal.GetValueOrDefault("listener_capacity") >= 3;
            },
            EngineHarness.Patience,
            "the fourth client is refused"
        );
        gateway.Dropped("refused").ShouldBeGreaterThanOrEqualTo(3);
        gateway.Engine.Connections.ShouldBe(3);
        foreach (var client in clients)
        {
            (await client.AskAsync("c")).ShouldBe("c");
            client.Dispose();
        }
    }

    [Fact]
    public async Task Listener_FullOfClientsOfOneDatagram_MakesRoom()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], config => Limited(config, 20));
        // As a flood from made-up addresses looks.
        for (var i = 1; i <= 20; i++)
        {
            using var once = gateway.Client(from: IPAddress.Parse($"127.1.0.{i}"));
            await once.SendAsync([1]);
        }

        await gateway.FlowsAsync(20);
        using var client = gateway.Client();
        (await client.AskAsync("a")).ShouldBe("a");
        gateway.Engine.Connections.ShouldBe(20);
        await Until.TrueAsync(
            () => gateway.Records.Count(record => record.Reason == CloseReason.Evicted) == 1,
            EngineHarness.Patience,
            "one flow gave way"
        );
        gateway.Records[0].ClientAddress.ToString().ShouldBe("127.1.0.1");
    }

    [Fact]
    public async Task Listener_FullAgainOnceAClientWhoTalkedIsGone_TheOldestStillMakesRoom()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], config => Limited(config, 3));
        using var talker = gateway.Client();
        (await talker.AskAsync("a")).ShouldBe("a");
        (await talker.AskAsync("b")).ShouldBe("b");
        var talking = await gateway.Engine.ListConnectionsAsync();
        await OnceAsync("127.1.0.1");
        await OnceAsync("127.1.0.2");
        await gateway.FlowsAsync(3);
        await gateway.Engine.CloseAsync(talking, new CloseOrder(CloseReason.Drained, null));
        await gateway.FlowsAsync(2);
        await OnceAsync("127.1.0.3");
        await gateway.FlowsAsync(3);

        using var client = gateway.Client();
        (await client.AskAsync("c")).ShouldBe("c");

        await Until.TrueAsync(
            () => gateway.Records.Any(record => record.Reason == CloseReason.Evicted),
            EngineHarness.Patience,
            "one flow gave way"
        );
        gateway.Records.Single(record => record.Reason == CloseReason.Evicted).ClientAddress.ToString().ShouldBe("127.1.0.1");

        async Task OnceAsync(string from)
        {
            using var once = gateway.Client(from: IPAddress.Parse(from));
            await once.SendAsync([1]);
        }
    }

    [Fact]
    public async Task Address_WithItsShare_IsRefusedAndOthersAreNot()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config => config with { Capacity = new CapacityConfig { PerAddress = 2 } }
        );
        using var first = gateway.Client(from: IPAddress.Parse("127.0.3.1"));
        using var second = gateway.Client(from: IPAddress.Parse("127.0.3.1"));
        using var third = gateway.Client(from: IPAddress.Parse("127.0.3.1"));
        using var other = gateway.Client(from: IPAddress.Parse("127.0.3.2"));
        (await first.AskAsync("a")).ShouldBe("a");
        (await second.AskAsync("b")).ShouldBe("b");
        await Until.TrueAsync(
            async () =>
            {
                await third.SendAsync([1]);
                return gateway.Load.RefusedTotal.GetValueOrDefault("per_address") > 0;
            },
            EngineHarness.Patience,
            "the third flow of the address is refused"
        );
        (await other.AskAsync("c")).ShouldBe("c");
        gateway.Engine.Connections.ShouldBe(3);
    }

    [Fact]
    public async Task PerPrefix_SetByReload_CountsFlowsThatAreOpenAlready()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync([server.Port], Short);
        var clients = Enumerable.Range(1, 4).Select(i => gateway.Client(from: IPAddress.Parse($"127.0.4.{i}"))).ToList();
        (await clients[0].AskAsync("a")).ShouldBe("a");
        (await clients[1].AskAsync("b")).ShouldBe("b");
        var limited = new CapacityConfig { PerPrefix = new PrefixLimitConfig { Connections = 3 } };
        await gateway.ApplyAsync([server.Port], config => Short(config) with { Capacity = limited });
        (await clients[2].AskAsync("c")).ShouldBe("c");
        await RefusedAsync(gateway, clients[3], "per_prefix");
        using var other = gateway.Client(from: IPAddress.Parse("127.0.5.1"));
        (await other.AskAsync("d")).ShouldBe("d");

        // What ends gives its place back, to the table that counts now.
        await gateway.FlowsAsync(0);
        foreach (var client in clients.Skip(1))
        {
            (await client.AskAsync("e")).ShouldBe("e");
        }

        clients.ForEach(client => client.Dispose());

        static GatewayConfig Short(GatewayConfig config) =>
            config with
            {
                Listeners = [config.Listeners[0] with { Udp = new UdpListenerConfig { SessionTimeout = TimeSpan.FromSeconds(5) } }],
            };
    }

    [Fact]
    public async Task NewConnections_FasterThanTheRate_AreRefused()
    {
        using var server = new UdpServer();
        await using var gateway = await UdpGateway.StartAsync(
            [server.Port],
            config =>
                config with
                {
                    Listeners =
                    [
                        config.Listeners[0] with
                        {
                            Limits = new ListenerLimitsConfig
                            {
                                NewConnections = new RateConfig { PerSecond = 1, Burst = 2 },
                            },
                        },
                    ],
                }
        );
        using var first = gateway.Client();
        using var second = gateway.Client();
        using var third = gateway.Client();
        await first.SendAsync([1]);
        await second.SendAsync([1]);
        await RefusedAsync(gateway, third, "listener_rate");
    }

    private static Task RefusedAsync(UdpGateway gateway, UdpClientSocket client, string reason) =>
        Until.TrueAsync(
            async () =>
            {
                await client.SendAsync([1]);
                return gateway.Load.RefusedTotal.GetValueOrDefault(reason) > 0;
            },
            EngineHarness.Patience,
            $"a flow is refused: {reason}"
        );

    [Fact]
    public async Task SameAddress_WhateverItsPort_GoesToOneEndpoint()
    {
        using var first = UdpServer.Named("first");
        using var second = UdpServer.Named("second");
        using var third = UdpServer.Named("third");
        await using var gateway = await UdpGateway.StartAsync([first.Port, second.Port, third.Port]);
        for (var address = 1; address <= 10; address++)
        {
            var names = new HashSet<string>();
            for (var i = 0; i < 5; i++)
            {
                using var client = gateway.Client(from: IPAddress.Parse($"127.0.4.{address}"));
                names.Add(await client.AskAsync("a"));
            }

            names.Count.ShouldBe(1);
        }
    }

    private static GatewayConfig Limited(GatewayConfig config, int flows) =>
        config with
        {
            Listeners = [UdpGateway.Listener(config.Listeners[0].Port, new UdpListenerConfig(), most: flows)],
        };

    private static GatewayConfig WithHealth(GatewayConfig config, TimeSpan failTimeout) =>
        config with
        {
            Backends =
            [
                config.Backends[0] with
                {
                    PassiveHealth = new PassiveHealthConfig { MaxFails = 1, FailTimeout = failTimeout },
                },
            ],
        };
}
