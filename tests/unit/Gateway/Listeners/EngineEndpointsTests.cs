using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Testing;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Where connections go to: retries, pushes, names.</summary>
public sealed class EngineEndpointsTests
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
}
