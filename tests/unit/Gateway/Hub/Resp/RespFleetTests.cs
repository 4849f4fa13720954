using System.Text;
using Mooring.Gateway.Hub.Resp;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Resp;

/// <summary>Real Sentinels, and a real Redis Cluster.</summary>
public sealed class RespFleetTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Sentinel_AfterAFailoverCallsAndChannelsGoToTheNewMaster()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await Until.TrueAsync(
            async () => (await master.CliAsync("INFO", "replication")).Contains("state=online", StringComparison.Ordinal),
            Limit,
            "it replicates"
        );
        await using var sentinel = await RedisServer.StartSentinelAsync(master, quorum: 1);
        var settings = RespClientTests.Settings(sentinel.Port) with { SentinelMaster = "fleet" };
        var counters = new RespCounters();
        var sink = new RespChannelsTests.Sink();
        await using var client = await RespClientTests.ConnectAsync(settings, counters);
        await using var channels = new RespChannels(client, counters, TimeProvider.System, sink);
        await channels.SubscribeAsync(new RespSubscription("c"), Limit);
        await client.CallAsync(RespCommand.For("k", "SET", "k", "v"), Deadline);
        await Until.TrueAsync(async () => await replica.CliAsync("GET", "k") == "v", Limit, "it is copied");
        await Until.TrueAsync(
            async () => (await sentinel.CliAsync("SENTINEL", "REPLICAS", "fleet")).Contains($"{replica.Port}", StringComparison.Ordinal),
            Limit,
            "the Sentinel knows the replica"
        );

        master.Kill();
        await Until.TrueAsync(
            async () => (await client.CallAsync(RespCommand.For("k", "SET", "k", "w"), Deadline)).Text == "OK",
            Limit,
            "the replica has taken over"
        );
        (await replica.CliAsync("GET", "k")).ShouldBe("w");
        await Until.TrueAsync(() => sink.Interruptions.ContainsKey("c"), Limit, "the channel is subscribed to there");
        await RespChannelsTests.PublishAsync(client, "c", "one");
        await sink.UntilAsync("c:one");
        counters.Failovers.ShouldBeGreaterThanOrEqualTo(2, "of the calls' connection and of the channels'");
    }

    [Fact]
    public async Task Cluster_CallsAndShardedChannelsGoWhereTheSlotIs_AndFollowIt()
    {
        await using var cluster = await RedisCluster.StartAsync();
        var settings = RespClientTests.Settings(cluster.Nodes[1].Port) with { Cluster = true };
        var counters = new RespCounters();
        var sink = new RespChannelsTests.Sink();
        RespChannels? late = null;
        await using var client = new RespClient(settings, counters, TimeProvider.System, () => Volatile.Read(ref late)?.Follow());
        await Until.TrueAsync(() => client.Problem is null, Limit, "it is connected");
        await using var channels = new RespChannels(client, counters, TimeProvider.System, sink);
        Volatile.Write(ref late, channels);

        string[] keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        keys.Select(Slot).Select(slot => client.Cluster!.Map[slot]).Distinct().Count().ShouldBe(3, "keys are on all nodes");
        foreach (var key in keys)
        {
            await client.CallAsync(RespCommand.For(key, "SET", key, $"{key}{key}"), Deadline);
            (await client.CallAsync(RespCommand.For(key, "GET", key), Deadline)).Text.ShouldBe($"{key}{key}");
            await channels.SubscribeAsync(new RespSubscription(key), Limit);
            await SPublishAsync(client, key, "1");
        }

        await sink.UntilAsync([.. keys.Select(key => $"{key}:1")]);
        client.UsesShardedChannels(Slot("a")).ShouldBeTrue();
        counters.Redirects.ShouldBe(0);

        // The slot of "a" moves, with its key, while it is in use.
        var slot = Slot("a");
        var from = Node(cluster, client.Cluster!.Map[slot]!);
        var to = (from + 1) % 3;
        var (fromId, toId) = (await cluster.IdAsync(from), await cluster.IdAsync(to));
        await cluster.Nodes[to].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "IMPORTING", fromId);
        await cluster.Nodes[from].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "MIGRATING", toId);
        await cluster.Nodes[from].CliAsync("MIGRATE", "127.0.0.1", $"{cluster.Nodes[to].Port}", "a", "0", "5000");
        // Between the two: the key is there already, the slot is not.
        (await client.CallAsync(RespCommand.For("a", "GET", "a"), Deadline)).Text.ShouldBe("aa");
        counters.Redirects.ShouldBeGreaterThan(0, "it was told to ask the other");
        client.Cluster.Map[slot].ShouldBe(new RespEndpoint("127.0.0.1", cluster.Nodes[from].Port));
        foreach (var node in new[] { to, from, 3 - from - to })
        {
            await cluster.Nodes[node].CliAsync("CLUSTER", "SETSLOT", $"{slot}", "NODE", toId);
        }

        (await client.CallAsync(RespCommand.For("a", "GET", "a"), Deadline)).Text.ShouldBe("aa");
        await Until.TrueAsync(() => Node(cluster, client.Cluster.Map[slot]!) == to, Limit, "the new map is known");
        await Until.TrueAsync(() => sink.Interruptions.ContainsKey("a"), Limit, "the channel has followed its slot");
        await SPublishAsync(client, "a", "2");
        await sink.UntilAsync([.. keys.Select(key => $"{key}:1"), "a:2"]);
    }

    [Fact]
    public async Task Cluster_ANodeGone_TheOthersGoOn()
    {
        await using var cluster = await RedisCluster.StartAsync();
        foreach (var node in cluster.Nodes)
        {
            await node.CliAsync("CONFIG", "SET", "cluster-require-full-coverage", "no");
        }

        await using var client = await RespClientTests.ConnectAsync(
            RespClientTests.Settings([.. cluster.Nodes.Select(node => node.Port)]) with
            {
                Cluster = true,
            }
        );
        string[] keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        var gone = Node(cluster, client.Cluster!.Map[Slot("a")]!);
        cluster.Nodes[gone].Kill();
        await Until.TrueAsync(() => client.Problem is not null, Limit, "it is noticed");
        foreach (var key in keys.Where(key => Node(cluster, client.Cluster.Map[Slot(key)]!) != gone))
        {
            (await client.CallAsync(RespCommand.For(key, "SET", key, "v"), Deadline)).Text.ShouldBe("OK");
        }

        await Should.ThrowAsync<RespUnavailableException>(() => client.CallAsync(RespCommand.For("a", "GET", "a"), Deadline));
    }

    private static int Slot(string key) => KeySlot.Of(Encoding.UTF8.GetBytes(key));

    private static int Node(RedisCluster cluster, RespEndpoint endpoint) =>
        cluster.Nodes.Select((node, index) => (node.Port, index)).Single(node => node.Port == endpoint.Port).index;

    private static Task SPublishAsync(RespClient client, string channel, string message) =>
        client.CallAsync(RespCommand.For(channel, "SPUBLISH", channel, message), Deadline);
}
