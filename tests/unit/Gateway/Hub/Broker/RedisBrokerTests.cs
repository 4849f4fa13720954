using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Tests.Hub.Resp;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Broker;

/// <summary>What every broker does, over one redis-server.</summary>
public sealed class RedisBrokerTests(SharedRedis redis) : HubBrokerTests, IClassFixture<SharedRedis>
{
    private string _space = "";

    [Fact]
    public async Task Gateways_MeetInTheirFleetOnly()
    {
        await using var other = Start(_space, out var others);
        await using var stranger = Start(_space + "x", out var strangers);
        foreach (var broker in new[] { other, stranger })
        {
            await Until.TrueAsync(async () => await broker.SubscribeAsync("{c}") == BrokerStatus.Ok, Limit, "subscribed");
        }

        var result = await Broker.PublishAsync("{c}", Bytes("one"), new PublishOptions { HistorySize = 5, HistoryTtl = Limit });
        await Broker.PublishAsync("{c}", Bytes("two"), PublishOptions.None);
        await Until.TrueAsync(() => others.Of("{c}").Count == 2, Limit, "the other has both");
        others.Of("{c}").ShouldBe([(result.Position, "one"), (default, "two")]);
        await Until.TrueAsync(async () => await other.SendControlAsync(Bytes("all")) == BrokerStatus.Ok, Limit, "sent");
        await Until.TrueAsync(() => Messages.Control.Contains("all"), Limit, "it has come");
        strangers.Of("{c}").ShouldBeEmpty();
        strangers.Control.ShouldBeEmpty();
    }

    private protected override IHubBroker Create(string space)
    {
        _space = space;
        return new RedisBroker($"default/{space}", RespClientTests.Patient(redis.Server.Port), TimeProvider.System, Limit);
    }

    private RedisBroker Start(string space, out Received received)
    {
        var broker = (RedisBroker)Create(space);
        broker.Start(received = new Received());
        return broker;
    }
}

/// <summary>One Redis Cluster for all tests of a class.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    private RedisCluster? _cluster;

    public RedisCluster Cluster => _cluster!;

    public async Task InitializeAsync() => _cluster = await RedisCluster.StartAsync();

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>The same over a Redis Cluster, with sharded channels.</summary>
public sealed class ClusterBrokerTests(SharedCluster cluster) : HubBrokerTests, IClassFixture<SharedCluster>
{
    private protected override IHubBroker Create(string space) =>
        new RedisBroker(
            $"default/{space}",
            RespClientTests.Patient(cluster.Cluster.Nodes[0].Port) with
            {
                Cluster = true,
            },
            TimeProvider.System,
            Limit
        );
}
