using System.Collections.Concurrent;
using System.Text;
using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Resp;

/// <summary>Subscriptions at a real redis-server.</summary>
public sealed class RespChannelsTests
{
    private static readonly TimeSpan Limit = RespClientTests.Limit;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_ComeWhileSubscribed(bool oldServer)
    {
        string[] options = oldServer ? ["--rename-command", "HELLO", ""] : [];
        await using var redis = await RedisServer.StartAsync(options);
        var sink = new Sink();
        await using var client = await RespClientTests.ConnectAsync(RespClientTests.Settings(redis.Port));
        await using var channels = new RespChannels(client, new RespCounters(), TimeProvider.System, sink);
        await Task.WhenAll(Enumerable.Range(0, 3000).Select(i => channels.SubscribeAsync(new RespSubscription($"c{i}"), Limit)));
        await PublishAsync(client, "c7", "one");
        await PublishAsync(client, "c2999", "two");
        await PublishAsync(client, "other", "three");
        await sink.UntilAsync("c7:one", "c2999:two");

        channels.Unsubscribe("c7");
        await channels.SubscribeAsync(new RespSubscription("last"), Limit);
        await PublishAsync(client, "c7", "four");
        await PublishAsync(client, "last", "five");
        await sink.UntilAsync("c7:one", "c2999:two", "last:five");

        // Again and again, without waiting: the last word counts.
        for (var i = 0; i < 50; i++)
        {
            channels.Unsubscribe("c8");
            _ = channels.SubscribeAsync(new RespSubscription("c8"), Limit);
        }

        await channels.SubscribeAsync(new RespSubscription("c8"), Limit);
        await PublishAsync(client, "c8", "six");
        await sink.UntilAsync("c7:one", "c2999:two", "last:five", "c8:six");
        channels.Count.ShouldBe(3000);
    }

    [Fact]
    public async Task Restart_EverythingIsSubscribedAgain_AndSaidToBeInterrupted()
    {
        await using var redis = await RedisServer.StartAsync();
        var sink = new Sink();
        await using var client = await RespClientTests.ConnectAsync(RespClientTests.Settings(redis.Port));
        await using var channels = new RespChannels(client, new RespCounters(), TimeProvider.System, sink);
        await Task.WhenAll(Enumerable.Range(0, 2500).Select(i => channels.SubscribeAsync(new RespSubscription($"c{i}"), Limit)));
        sink.Interruptions.ShouldBeEmpty();

        redis.Kill();
        await Until.TrueAsync(() => channels.Problem is not null, Limit, "it is away");
        var late = channels.SubscribeAsync(new RespSubscription("late"), Limit);
        channels.Unsubscribe("c0");
        await redis.StartAgainAsync();
        await late;
        await Until.TrueAsync(() => sink.Interruptions.Count == 2499, Limit, "all the others are said to be interrupted");
        sink.Interruptions.Keys.ShouldNotContain("late");
        await Until.TrueAsync(() => client.Problem is null, Limit, "it is back");
        await PublishAsync(client, "c0", "no");
        await PublishAsync(client, "c1", "one");
        await PublishAsync(client, "late", "two");
        await sink.UntilAsync("c1:one", "late:two");
    }

    [Fact]
    public async Task HalfOpenNetwork_IsFound()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var network = new StallProxy(redis.Port);
        var sink = new Sink();
        var settings = RespClientTests.Settings(network.Port) with { Limits = new RespLimits { DeadAfter = TimeSpan.FromSeconds(2) } };
        await using var client = await RespClientTests.ConnectAsync(settings);
        await using var channels = new RespChannels(client, new RespCounters(), TimeProvider.System, sink);
        await channels.SubscribeAsync(new RespSubscription("c"), Limit);
        network.Stall();
        await Until.TrueAsync(() => sink.Interruptions.ContainsKey("c"), Limit, "it is subscribed again");
    }

    [Fact]
    public async Task OneAddress_AtWhichAnotherIsTheMasterNow_ChannelsGoWhereCallsGo()
    {
        await using var old = await RedisServer.StartAsync();
        await using var young = await RedisServer.StartAsync();
        await using var service = new ServiceProxy(old.Port);
        var sink = new Sink();
        RespChannels? late = null;
        await using var client = new RespClient(
            RespClientTests.Patient(service.Port),
            new RespCounters(),
            TimeProvider.System,
            () => Volatile.Read(ref late)?.Follow()
        );
        await Until.TrueAsync(() => client.Problem is null, Limit, "it is connected");
        await using var channels = new RespChannels(client, new RespCounters(), TimeProvider.System, sink);
        Volatile.Write(ref late, channels);
        await channels.SubscribeAsync(new RespSubscription("c"), Limit);

        service.Turn(young.Port);
        // All connections to it stay open, and it hears of no publication any more.
        await old.CliAsync("REPLICAOF", "127.0.0.1", "1");
        await Until.TrueAsync(
            async () => (await client.CallAsync(RespCommand.For("k", "SET", "k", "v"), Limit)).Text == "OK",
            Limit,
            "calls go to the new one"
        );
        await Until.TrueAsync(() => sink.Interruptions.ContainsKey("c"), Limit, "the channel is subscribed to there");
        await PublishAsync(client, "c", "one");
        await sink.UntilAsync("c:one");
        sink.Interruptions["c"].ShouldBe(1);
    }

    [Fact]
    public async Task NoPermission_IsSaid_AndHarmsNoOther()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.CliAsync("ACL", "SETUSER", "hub", "on", ">word", "resetchannels", "&good*", "+@all", "~*");
        var settings = RespClientTests.Settings(redis.Port) with
        {
            Username = "hub",
            Password = static _ => Task.FromResult<string?>("word"),
        };
        var sink = new Sink();
        await using var client = await RespClientTests.ConnectAsync(settings);
        await using var channels = new RespChannels(client, new RespCounters(), TimeProvider.System, sink);
        await channels.SubscribeAsync(new RespSubscription("good"), Limit);
        (await Should.ThrowAsync<RespServerException>(() => channels.SubscribeAsync(new RespSubscription("bad"), Limit))).Code.ShouldBe(
            "NOPERM"
        );
        await PublishAsync(client, "good", "one");
        await sink.UntilAsync("good:one");
        await redis.CliAsync("ACL", "SETUSER", "hub", "&bad");
        await Until.TrueAsync(
            async () =>
            {
                await channels.SubscribeAsync(new RespSubscription("bad"), Limit);
                return true;
            },
            Limit,
            "it may now"
        );
    }

    internal static Task PublishAsync(RespClient client, string channel, string message) =>
        client.CallAsync(RespCommand.For(channel, "PUBLISH", channel, message), Limit);

    internal sealed class Sink : IRespChannelSink
    {
        private readonly ConcurrentQueue<string> _messages = new();

        public ConcurrentDictionary<string, int> Interruptions { get; } = new();

        public IReadOnlyCollection<string> Messages => _messages;

        public void Message(RespSubscription channel, ReadOnlyMemory<byte> payload) =>
            _messages.Enqueue($"{channel.Name}:{Encoding.UTF8.GetString(payload.Span)}");

        public void Interrupted(RespSubscription channel) => Interruptions.AddOrUpdate(channel.Name, 1, static (_, count) => count + 1);

        public async Task UntilAsync(params string[] messages)
        {
            await Until.TrueAsync(() => _messages.Count >= messages.Length, Limit, $"{messages.Length} messages");
            _messages.ShouldBe(messages);
        }
    }
}
