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
        gateway.Engine.BackendLoads()[0].Endpoints.ShouldAllBe(static endpoint => endpoint.Gone);
    }

    /// <summary>A pod that is not ready is in no push: it would look empty, and be deleted under them.</summary>
    [Fact]
    public async Task Endpoints_LetGo_AreReportedWhileTheyHaveConnections()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await PushedAsync(gateway);
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", first.Port, false)));
        var clients = await ConnectManyAsync(port, 3);
        (await CountServedAsync(clients)).ShouldBe(3);

        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-2", second.Port, false)));

        var loads = gateway.Engine.BackendLoads()[0].Endpoints;
        loads.Select(static load => (load.Id, load.Connections, load.Gone)).ShouldBe([("pod-2", 0, false), ("pod-1", 3, true)]);
        loads[1].Healthy.ShouldBeFalse();
        // It is back: once more one endpoint, which is not told twice.
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod-1", first.Port, false)));
        gateway
            .Engine.BackendLoads()[0]
            .Endpoints.Select(static load => (load.Id, load.Connections, load.Gone))
            .ShouldBe([("pod-1", 3, false)]);
        await gateway.Engine.ApplyEndpointsAsync(Push());
        clients.ForEach(static client => client.Dispose());
        await Until.TrueAsync(() => gateway.Engine.BackendLoads()[0].Endpoints.Count == 0, EngineHarness.Patience, "it is forgotten");
    }

    [Fact]
    public async Task Endpoints_LetGoBesideAsManyAsAReportMayHave_AreNotReported()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await PushedAsync(gateway);
        await gateway.Engine.ApplyEndpointsAsync(Push(("pod", server.Port, false)));
        using var client = await EngineHarness.ConnectAsync(port);
        await PingAsync(client);

        await gateway.Engine.ApplyEndpointsAsync(Push([.. Enumerable.Range(0, 10_000).Select(i => ($"pod-{i}", server.Port, false))]));

        gateway.Engine.BackendLoads()[0].Endpoints.Count.ShouldBe(10_000);
    }

    private static async Task<int> PushedAsync(EngineHarness gateway)
    {
        var port = (await gateway.ListenAsync())[0];
        var backend = new BackendConfig { Name = "relay", Source = EndpointSource.Pushed };
        await gateway.ApplyAsync(EngineHarness.Config(port) with { Backends = [backend] });
        return port;
    }
}
