using System.Text;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>What every broker of the Hub does, wherever it keeps its state.</summary>
public abstract partial class HubBrokerTests : IAsyncLifetime
{
    private protected static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Brief = TimeSpan.FromMilliseconds(150);

    private static readonly PublishOptions Kept = new()
    {
        HistorySize = 10,
        HistoryTtl = TimeSpan.FromMinutes(5),
        MetaTtl = TimeSpan.FromMinutes(10),
    };

    private IHubBroker? _broker;

    private protected IHubBroker Broker => _broker!;

    private protected Received Messages { get; } = new();

    public async Task InitializeAsync()
    {
        _broker = Create($"h{Guid.NewGuid():N}");
        Broker.Start(Messages);
        await Until.TrueAsync(
            async () => await Broker.SubscribeAsync("ready") == BrokerStatus.Ok && Broker.IsAvailable,
            Limit,
            "the broker answers"
        );
    }

    public async Task DisposeAsync() => await Broker.DisposeAsync();

    [Fact]
    public async Task Publish_Subscribed_IsReceivedOnceAndInOrder()
    {
        await SubscribeAsync("news");
        var results = new List<PublishResult>();
        for (var i = 1; i <= 20; i++)
        {
            results.Add(await Broker.PublishAsync("news", Bytes($"m{i}"), Kept));
        }

        results.ShouldAllBe(result => result.Status == BrokerStatus.Ok && !result.Suppressed);
        results.Select(result => result.Position.Offset).ShouldBe(Enumerable.Range(1, 20).Select(i => (ulong)i));
        results.Select(result => result.Position.Epoch).Distinct().Single().ShouldMatch("^[A-Za-z0-9_-]{2,32}$");
        await Until.TrueAsync(() => Messages.Of("news").Count >= 20, Limit, "all have come");
        Messages.Of("news").ShouldBe([.. results.Select((result, i) => (result.Position, $"m{i + 1}"))]);
    }

    [Fact]
    public async Task Publish_WithoutHistory_HasNoOffsetAndIsNotKept()
    {
        await SubscribeAsync("plain");

        var result = await Broker.PublishAsync("plain", Bytes("hello"), PublishOptions.None);

        result.ShouldBe(new PublishResult(BrokerStatus.Ok, default));
        await Until.TrueAsync(() => Messages.Of("plain").Count == 1, Limit, "it has come");
        Messages.Of("plain").Single().Position.Offset.ShouldBe(0ul);
        (await ReadAsync("plain", -1)).Publications.ShouldBeEmpty();
    }

    [Fact]
    public async Task Publish_NotSubscribed_IsKeptButNotReceived()
    {
        await Broker.PublishAsync("quiet", Bytes("one"), Kept);

        // What comes after it shows that it would have come by now.
        await SubscribeAsync("quiet");
        await Broker.PublishAsync("quiet", Bytes("two"), Kept);
        await Until.TrueAsync(() => Messages.Of("quiet").Count > 0, Limit, "the second has come");
        Messages.Of("quiet").Select(message => message.Payload).ShouldBe(["two"]);
        Texts(await ReadAsync("quiet", -1)).ShouldBe(["one", "two"]);
    }

    [Fact]
    public async Task Unsubscribe_EndsWhatComes()
    {
        await SubscribeAsync("a");
        await SubscribeAsync("b");
        Broker.Unsubscribe("a");
        await SubscribeAsync("c");

        await Broker.PublishAsync("a", Bytes("late"), Kept);
        await Broker.PublishAsync("c", Bytes("end"), Kept);

        await Until.TrueAsync(() => Messages.Of("c").Count == 1, Limit, "the last has come");
        Messages.Of("a").ShouldBeEmpty();
    }

    [Fact]
    public async Task Subscribe_AfterUnsubscribe_ReceivesAgain()
    {
        for (var i = 0; i < 20; i++)
        {
            await SubscribeAsync("again");
            if (i < 19)
            {
                Broker.Unsubscribe("again");
            }
        }

        await Broker.PublishAsync("again", Bytes("x"), PublishOptions.None);
        await Until.TrueAsync(() => Messages.Of("again").Count == 1, Limit, "it has come");
    }

    [Fact]
    public async Task Publish_MoreThanHistoryKeeps_OldestGo()
    {
        await PublishAsync("short", 25);

        var all = await ReadAsync("short", -1);

        all.Top.Offset.ShouldBe(25ul);
        all.Publications.Select(one => one.Offset).ShouldBe(Enumerable.Range(16, 10).Select(i => (ulong)i));
    }

    [Theory]
    [InlineData(0ul, -1, false, "1 2 3 4 5")]
    [InlineData(3ul, -1, false, "4 5")]
    [InlineData(2ul, 2, false, "3 4")]
    [InlineData(5ul, -1, false, "")]
    [InlineData(9ul, -1, false, "")]
    [InlineData(4ul, -1, true, "3 2 1")]
    [InlineData(4ul, 2, true, "3 2")]
    [InlineData(1ul, -1, true, "")]
    [InlineData(null, -1, true, "5 4 3 2 1")]
    [InlineData(null, 2, true, "5 4")]
    [InlineData(null, 2, false, "1 2")]
    [InlineData(null, 0, false, "")]
    public async Task History_Query_ReadsThatPart(ulong? since, int limit, bool reverse, string expected)
    {
        await PublishAsync("h", 5);
        var epoch = (await ReadAsync("h", 0)).Top.Epoch;

        var result = await Broker.HistoryAsync(
            "h",
            new HistoryQuery(since is { } offset ? new StreamPosition(offset, epoch) : null, limit, reverse, Kept.MetaTtl)
        );

        result.Status.ShouldBe(BrokerStatus.Ok);
        result.Top.ShouldBe(new StreamPosition(5, epoch));
        string.Join(' ', result.Publications.Select(one => one.Offset)).ShouldBe(expected);
        result.Publications.ShouldAllBe(one => Text(one.Payload) == $"m{one.Offset}");
    }

    [Fact]
    public async Task History_OtherEpoch_IsSaidWithPosition()
    {
        await PublishAsync("e", 3);

        var result = await Broker.HistoryAsync("e", new HistoryQuery(new StreamPosition(1, "other"), -1, false, Kept.MetaTtl));

        result.Status.ShouldBe(BrokerStatus.WrongEpoch);
        result.Top.Offset.ShouldBe(3ul);
        result.Publications.ShouldBeEmpty();
    }

    [Fact]
    public async Task History_EmptyEpoch_MatchesAny()
    {
        await PublishAsync("e", 3);

        var result = await Broker.HistoryAsync("e", new HistoryQuery(new StreamPosition(1, ""), -1, false, Kept.MetaTtl));

        Texts(result).ShouldBe(["m2", "m3"]);
    }

    [Fact]
    public async Task History_NothingYet_HasAnEpochThatLasts()
    {
        var empty = await ReadAsync("new", 0);
        await PublishAsync("new", 1);

        empty.Top.Offset.ShouldBe(0ul);
        empty.Top.Epoch.ShouldNotBeEmpty();
        (await ReadAsync("new", 0)).Top.ShouldBe(new StreamPosition(1, empty.Top.Epoch));
    }

    [Fact]
    public async Task RemoveHistory_KeepsPosition()
    {
        await PublishAsync("gone", 3);
        var before = await ReadAsync("gone", 0);

        (await Broker.RemoveHistoryAsync("gone")).ShouldBe(BrokerStatus.Ok);

        var after = await ReadAsync("gone", -1);
        after.Top.ShouldBe(before.Top);
        after.Publications.ShouldBeEmpty();
        (await Broker.PublishAsync("gone", Bytes("on"), Kept)).Position.ShouldBe(new StreamPosition(4, before.Top.Epoch));
    }

    [Fact]
    public async Task History_Expired_KeepsPosition()
    {
        var brief = Kept with { HistoryTtl = Brief };
        var published = await Broker.PublishAsync("ttl", Bytes("x"), brief);

        await Until.TrueAsync(async () => (await ReadAsync("ttl", -1)).Publications.Count == 0, Limit, "it expires");

        (await ReadAsync("ttl", 0)).Top.ShouldBe(published.Position);
    }

    [Fact]
    public async Task Meta_Expired_BeginsANewEpoch()
    {
        var brief = Kept with { HistoryTtl = Brief, MetaTtl = Brief };
        var published = await Broker.PublishAsync("meta", Bytes("x"), brief);
        published.Position.Offset.ShouldBe(1ul);

        await Until.TrueAsync(
            async () =>
            {
                // Each read would keep it alive for its own time: none for this one.
                var top = (await Broker.HistoryAsync("meta", new HistoryQuery(null, 0, false, TimeSpan.FromMilliseconds(1)))).Top;
                return top.Epoch != published.Position.Epoch && top.Offset == 0;
            },
            Limit,
            "a new epoch"
        );
    }

    [Fact]
    public async Task Publish_KnownKey_IsSuppressedWithFirstResult()
    {
        await SubscribeAsync("once");
        var options = Kept with { IdempotencyKey = "k" };
        var first = await Broker.PublishAsync("once", Bytes("1"), options);
        var second = await Broker.PublishAsync("once", Bytes("2"), options);
        var other = await Broker.PublishAsync("once", Bytes("3"), options with { IdempotencyKey = "l" });

        second.ShouldBe(first with { Suppressed = true });
        other.Position.Offset.ShouldBe(2ul);
        await Until.TrueAsync(() => Messages.Of("once").Count >= 2, Limit, "both have come");
        Messages.Of("once").Select(message => message.Payload).ShouldBe(["1", "3"]);
    }

    [Fact]
    public async Task Publish_KnownKeyWithoutHistory_IsSuppressed()
    {
        await SubscribeAsync("once");
        var options = new PublishOptions { IdempotencyKey = "k" };
        await Broker.PublishAsync("once", Bytes("1"), options);

        (await Broker.PublishAsync("once", Bytes("2"), options)).Suppressed.ShouldBeTrue();
        (await Broker.PublishAsync("elsewhere", Bytes("2"), options)).Suppressed.ShouldBeFalse();
    }

    [Fact]
    public async Task Presence_AddedAndRemoved_IsListedAndCounted()
    {
        await Broker.AddPresenceAsync("room", new PresenceEntry("c1", "anna", Bytes("i1")), Limit);
        await Broker.AddPresenceAsync("room", new PresenceEntry("c2", "anna", Bytes("i2")), Limit);
        await Broker.AddPresenceAsync("room", new PresenceEntry("c3", "", Bytes("i3")), Limit);
        await Broker.AddPresenceAsync("room", new PresenceEntry("c1", "anna", Bytes("i1")), Limit);

        (await Broker.PresenceStatsAsync("room")).ShouldBe(new PresenceStats(BrokerStatus.Ok, 3, 2));
        await Broker.RemovePresenceAsync("room", "c2", "anna");
        await Broker.RemovePresenceAsync("room", "unknown", "anna");

        var present = await Broker.PresenceAsync("room");
        present.Status.ShouldBe(BrokerStatus.Ok);
        present
            .Entries.Select(entry => (entry.Client, entry.User, Text(entry.Info)))
            .ShouldBe([("c1", "anna", "i1"), ("c3", "", "i3")], ignoreOrder: true);
        (await Broker.PresenceStatsAsync("room")).ShouldBe(new PresenceStats(BrokerStatus.Ok, 2, 2));
        (await Broker.PresenceAsync("empty")).Entries.ShouldBeEmpty();
    }

    [Fact]
    public async Task Presence_NotRefreshed_Expires()
    {
        await Broker.AddPresenceAsync("room", new PresenceEntry("stays", "a", default), Limit);
        await Broker.AddPresenceAsync("room", new PresenceEntry("goes", "b", default), Brief);

        await Until.TrueAsync(async () => (await Broker.PresenceStatsAsync("room")).Clients == 1, Limit, "one is gone");

        (await Broker.PresenceAsync("room")).Entries.Single().Client.ShouldBe("stays");
        (await Broker.PresenceStatsAsync("room")).Users.ShouldBe(1);
    }

    [Fact]
    public async Task PublishPresence_Subscribed_IsReceivedInOrder()
    {
        await SubscribeAsync("room");
        await Broker.PublishPresenceAsync("room", joined: true, Bytes("anna"));
        await Broker.PublishPresenceAsync("room", joined: false, Bytes("anna"));

        await Until.TrueAsync(() => Messages.Presence.Count == 2, Limit, "both have come");
        Messages.Presence.ShouldBe([("room", true, "anna"), ("room", false, "anna")]);
    }

    [Fact]
    public async Task SendControl_ReachesThisGatewayToo()
    {
        (await Broker.SendControlAsync(Bytes("order"))).ShouldBe(BrokerStatus.Ok);

        await Until.TrueAsync(() => Messages.Control.Contains("order"), Limit, "it has come");
    }

    [Fact]
    public async Task Publish_FromManyThreads_OneOrderForAll()
    {
        await SubscribeAsync("busy");
        var kept = Kept with { HistorySize = 1000 };

        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(writer =>
                    Task.Run(async () =>
                    {
                        for (var i = 0; i < 50; i++)
                        {
                            (await Broker.PublishAsync("busy", Bytes($"{writer}-{i}"), kept)).Status.ShouldBe(BrokerStatus.Ok);
                        }
                    })
                )
        );

        await Until.TrueAsync(() => Messages.Of("busy").Count >= 200, Limit, "all have come");
        var received = Messages.Of("busy");
        received.Select(message => message.Position.Offset).ShouldBe(Enumerable.Range(1, 200).Select(i => (ulong)i));
        Texts(await ReadAsync("busy", -1)).ShouldBe(received.Select(message => message.Payload));
    }

    /// <param name="space">Nobody else's: channels of two spaces do not meet.</param>
    private protected abstract IHubBroker Create(string space);

    private protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private protected static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    private static IEnumerable<string> Texts(HistoryResult result) => result.Publications.Select(one => Text(one.Payload));

    private async Task SubscribeAsync(string channel) => (await Broker.SubscribeAsync(channel)).ShouldBe(BrokerStatus.Ok);

    private async Task<HistoryResult> ReadAsync(string channel, int limit) =>
        await Broker.HistoryAsync(channel, new HistoryQuery(null, limit, false, Kept.MetaTtl));

    private async Task PublishAsync(string channel, int count)
    {
        for (var i = 1; i <= count; i++)
        {
            (await Broker.PublishAsync(channel, Bytes($"m{i}"), Kept)).Status.ShouldBe(BrokerStatus.Ok);
        }
    }
}
