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

    [Fact]
    public async Task PresenceStats_OfMany_ReadsNobody()
    {
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => AddAsync($"c{i}", $"u{i % 300}")));
        await CountAsync(1000, 300);
        var before = await ReadsAsync();
        for (var i = 0; i < 50; i++)
        {
            await Broker.RemovePresenceAsync("room", $"c{i}", $"u{i}");
            await AddAsync($"d{i}", $"v{i}");
            // Known already, and of another user than before.
            await AddAsync($"d{i}", $"w{i}");
            await CountAsync(1000, 300 + i + 1);
        }

        (await ReadsAsync()).ShouldBe(before);
    }

    /// <summary>A server may evict one key of three, and gateways of older versions, which are there while a fleet is brought up to date, do not count users.</summary>
    [Fact]
    public async Task PresenceStats_AreCountedAnew_WhereTheyAreWrong()
    {
        await AddAsync("c1", "anna");
        await AddAsync("c2", "bea");
        await AddAsync("c3", "bea");
        await CountAsync(3, 2);

        await redis.Server.CliAsync("DEL", Key("u"));
        await CountAsync(3, 2);

        // As an older one lets go of a client.
        await redis.Server.CliAsync("HDEL", Key("h"), "c1");
        await redis.Server.CliAsync("ZREM", Key("z"), "c1");
        await CountAsync(2, 1);

        await redis.Server.CliAsync("DEL", Key("h"));
        await CountAsync(0, 0);
        await AddAsync("c4", "cleo");
        await CountAsync(1, 1);
    }

    private async Task AddAsync(string client, string user) =>
        (await Broker.AddPresenceAsync("room", new PresenceEntry(client, user, Bytes("i")), Limit)).ShouldBe(BrokerStatus.Ok);

    private async Task CountAsync(int clients, int users) =>
        (await Broker.PresenceStatsAsync("room")).ShouldBe(new PresenceStats(BrokerStatus.Ok, clients, users));

    private string Key(string kind) => $"mooring:default/{_space}:hub:{{croom}}:{kind}";

    /// <summary>How often all of a hash was read.</summary>
    private async Task<string> ReadsAsync() =>
        string.Join(
            ' ',
            (await redis.Server.CliAsync("INFO", "commandstats"))
                .Split('\n')
                .Where(static line =>
                    line.Contains("hvals", StringComparison.Ordinal) || line.Contains("hgetall", StringComparison.Ordinal)
                )
                .Select(static line => line.Split(',')[0])
        );

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
