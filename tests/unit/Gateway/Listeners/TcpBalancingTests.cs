using System.Net;
using System.Net.Sockets;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using static Mooring.Gateway.Tests.Listeners.EngineProbes;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>Who gets a TCP connection, with real sockets: the policies by themselves are in Balancing.</summary>
public sealed class TcpBalancingTests
{
    [Fact]
    public async Task LeastConnections_HeldOpen_FollowTheWeightsAndCountsSurviveAPush()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        using var third = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, BalancingPolicy.LeastConnections);
        await PushAsync(gateway, (first, 1), (second, 2));
        var held = await OpenAsync(port, 30);
        Open(gateway, first, second).ShouldBe([10, 20]);

        // The two that were there before count with what they have: the newcomer gets all until it has as many.
        await PushAsync(gateway, (first, 1), (second, 2), (third, 1));
        Open(gateway, first, second, third).ShouldBe([10, 20, 0]);
        held.AddRange(await OpenAsync(port, 10));
        Open(gateway, first, second, third).ShouldBe([10, 20, 10]);
        held.AddRange(await OpenAsync(port, 40));
        Open(gateway, first, second, third).ShouldBe([20, 40, 20]);

        // Gone and back again, while its connections stay: it has not forgotten them.
        await PushAsync(gateway, (second, 2), (third, 1));
        await PushAsync(gateway, (first, 1), (second, 2), (third, 1));
        Open(gateway, first, second, third).ShouldBe([20, 40, 20]);
        (await CountServedAsync(held)).ShouldBe(80);
        held.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task RoundRobin_EachInTurn_ByWeight()
    {
        using var first = new TestServer();
        using var second = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, BalancingPolicy.RoundRobin);
        await PushAsync(gateway, (first, 1), (second, 3));
        for (var round = 0; round < 10; round++)
        {
            (await OpenAsync(port, 4)).ForEach(client => client.Dispose());
        }

        (first.Accepted, second.Accepted).ShouldBe((10, 30));
    }

    [Fact]
    public async Task ConsistentHash_OneAddressIsAlwaysAtOneEndpoint_AndOnlyTheClientsOfOneThatGoesMove()
    {
        var servers = Enumerable.Range(0, 3).Select(number => new TestServer(socket => SayAsync(socket, (byte)number))).ToList();
        await using var gateway = new EngineHarness();
        var port = await ServeAsync(gateway, BalancingPolicy.ConsistentHash);
        await PushAsync(gateway, [.. servers.Select(server => (server, 1))]);
        var before = await WhereAsync(port);
        (await WhereAsync(port)).ShouldBe(before);
        before.Distinct().Count().ShouldBe(3);

        await PushAsync(gateway, (servers[0], 1), (servers[2], 1));
        var without = await WhereAsync(port);
        without.ShouldNotContain(1);
        // Of those that were elsewhere nearly all stay: Maglev's tables move a few more than they must.
        before.Zip(without).Count(pair => pair.First != 1 && pair.First != pair.Second).ShouldBeLessThan(before.Count / 8);

        await PushAsync(gateway, [.. servers.Select(server => (server, 1))]);
        (await WhereAsync(port)).ShouldBe(before);
        servers.ForEach(server => server.Dispose());
    }

    private static Task SayAsync(Socket socket, byte number) => socket.SendAsync(new[] { number });

    /// <summary>Which server each of many addresses gets.</summary>
    private static async Task<List<int>> WhereAsync(int port)
    {
        var where = new List<int>();
        for (var address = 1; address <= 64; address++)
        {
            using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            client.Bind(new IPEndPoint(IPAddress.Parse($"127.0.7.{address}"), 0));
            using var limit = new CancellationTokenSource(EngineHarness.Patience);
            await client.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), limit.Token);
            var said = new byte[1];
            (await client.ReceiveAsync(said, limit.Token)).ShouldBe(1);
            where.Add(said[0]);
        }

        return where;
    }

    /// <summary>Opens connections one after the other, each known to be served, and keeps them.</summary>
    private static async Task<List<Socket>> OpenAsync(int port, int count)
    {
        var open = new List<Socket>();
        for (var i = 0; i < count; i++)
        {
            var client = await EngineHarness.ConnectAsync(port);
            await PingAsync(client);
            open.Add(client);
        }

        return open;
    }

    private static string Id(TestServer server) => $"pod-{server.Port}";

    private static int[] Open(EngineHarness gateway, params TestServer[] servers) =>
        [.. servers.Select(server => gateway.Engine.BackendLoads()[0].Endpoints.Single(endpoint => endpoint.Id == Id(server)).Connections)];

    private static async Task<int> ServeAsync(EngineHarness gateway, BalancingPolicy policy)
    {
        var port = (await gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port);
        await gateway.ApplyAsync(
            config with
            {
                Listeners = [config.Listeners[0] with { Tcp = new TcpListenerConfig { Balancing = policy } }],
                Backends = [new BackendConfig { Name = "relay", Source = EndpointSource.Pushed }],
            }
        );
        return port;
    }

    private static async Task PushAsync(EngineHarness gateway, params (TestServer Server, int Weight)[] servers) =>
        (
            await gateway.Engine.ApplyEndpointsAsync(
                new EndpointsMessage
                {
                    Backend = "relay",
                    Endpoints =
                    [
                        .. servers.Select(one => new EndpointInfo
                        {
                            Id = Id(one.Server),
                            Address = "127.0.0.1",
                            Port = one.Server.Port,
                            Weight = one.Weight,
                        }),
                    ],
                }
            )
        ).ShouldBeTrue();
}
