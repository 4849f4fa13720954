using Mooring.Gateway.Hub.Delivery;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

public sealed class MemoryBrokerTests : HubBrokerTests
{
    private static readonly PublishOptions Kept = new()
    {
        HistorySize = 100,
        HistoryTtl = TimeSpan.FromMinutes(1),
        MetaTtl = TimeSpan.FromMinutes(2),
    };

    [Fact]
    public async Task Publish_OverAllBytes_OldestGoAndPositionStays()
    {
        await using var broker = new MemoryBroker(new ManualTime(), maxBytes: 1000);
        broker.Start(new Received());
        for (var i = 0; i < 100; i++)
        {
            await broker.PublishAsync("big", new byte[100], Kept);
        }

        broker.Bytes.ShouldBeInRange(1, 1000);
        var read = await broker.HistoryAsync("big", new HistoryQuery(null, -1, false, Kept.MetaTtl));
        read.Top.Offset.ShouldBe(100ul);
        read.Publications.Select(one => one.Offset).ShouldBe(Enumerable.Range(94, 7).Select(i => (ulong)i), "each with what keeps it");
    }

    [Fact]
    public async Task Publish_OverAllBytes_TheOldestOfAllChannelsGo()
    {
        var time = new ManualTime();
        await using var broker = new MemoryBroker(time, maxBytes: 100 * 140);
        broker.Start(new Received());
        for (var i = 0; i < 100; i++)
        {
            await broker.PublishAsync($"c{i}", new byte[100], Kept);
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        for (var i = 0; i < 50; i++)
        {
            await broker.PublishAsync("late", new byte[100], Kept);
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        broker.Bytes.ShouldBe(100 * 140);
        (await CountAsync("late")).ShouldBe(50);
        for (var i = 0; i < 100; i++)
        {
            (await CountAsync($"c{i}")).ShouldBe(i < 50 ? 0 : 1, $"c{i}");
        }

        async Task<int> CountAsync(string channel) =>
            (await broker.HistoryAsync(channel, new HistoryQuery(null, -1, false, Kept.MetaTtl))).Publications.Count;
    }

    [Fact]
    public async Task Publish_OverAllBytes_FromManyThreads_StaysWithin()
    {
        await using var broker = new MemoryBroker(TimeProvider.System, maxBytes: 50_000);
        broker.Start(new Received());
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(thread =>
                    Task.Run(async () =>
                    {
                        for (var i = 0; i < 5000; i++)
                        {
                            await broker.PublishAsync($"c{thread}:{i % 50}", new byte[i % 300], Kept);
                        }
                    })
                )
        );
        broker.Bytes.ShouldBeLessThanOrEqualTo(50_000);
        await broker.PublishAsync("last", new byte[100], Kept);
        (await broker.HistoryAsync("last", new HistoryQuery(null, -1, false, Kept.MetaTtl))).Publications.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Sweep_Expired_GivesMemoryAndChannelsBack()
    {
        var time = new ManualTime();
        await using var broker = new MemoryBroker(time, maxChannels: 10);
        broker.Start(new Received());
        for (var i = 0; i < 10; i++)
        {
            (await broker.PublishAsync($"c{i}", new byte[10], Kept)).Status.ShouldBe(BrokerStatus.Ok);
        }

        (await broker.PublishAsync("over", new byte[10], Kept)).Status.ShouldBe(BrokerStatus.Overloaded);
        (await broker.SubscribeAsync("over")).ShouldBe(BrokerStatus.Overloaded);
        time.Advance(TimeSpan.FromMinutes(3));

        broker.Bytes.ShouldBe(0);
        (await broker.PublishAsync("over", new byte[10], Kept)).Position.Offset.ShouldBe(1ul);
    }

    [Fact]
    public async Task Subscribe_OverAllChannels_EmptyOnesMakeRoom()
    {
        var time = new ManualTime();
        await using var broker = new MemoryBroker(time, maxChannels: 10);
        broker.Start(new Received());
        var longer = Kept with { MetaTtl = TimeSpan.FromDays(1) };
        for (var i = 0; i < 8; i++)
        {
            // What their publications left behind, once those are gone.
            await broker.PublishAsync($"idle{i}", new byte[10], i < 4 ? longer : Kept with { MetaTtl = TimeSpan.FromHours(1) });
        }

        (await broker.SubscribeAsync("used")).ShouldBe(BrokerStatus.Ok);
        await broker.HistoryAsync("used", new HistoryQuery(null, 0, false, Kept.MetaTtl));
        time.Advance(TimeSpan.FromMinutes(2));
        var kept = await broker.PublishAsync("kept", new byte[10], Kept);

        for (var i = 0; i < 8; i++)
        {
            (await broker.SubscribeAsync($"new{i}")).ShouldBe(BrokerStatus.Ok, $"new{i}");
        }

        (await broker.SubscribeAsync("over")).ShouldBe(BrokerStatus.Overloaded);
        (await broker.HistoryAsync("kept", new HistoryQuery(null, -1, false, Kept.MetaTtl))).Publications.Count.ShouldBe(1);
        (await broker.PublishAsync("kept", new byte[10], Kept)).Position.ShouldBe(kept.Position with { Offset = 2 });
        (await broker.PublishAsync("used", new byte[10], Kept)).Status.ShouldBe(BrokerStatus.Ok);
    }

    [Fact]
    public void DropIdle_TheSoonestToEndGoFirst()
    {
        var stripe = new MemoryStripe();
        for (var i = 0; i < 64; i++)
        {
            var channel = stripe.Channels[$"{i}"] = new MemoryChannel { Stream = new ChannelStream("e", stripe.Log) };
            channel.Stream!.MetaExpires = 1000 - i;
        }

        stripe.DropIdle(0).ShouldBe(4);
        stripe.Channels.Keys.ShouldBe(Enumerable.Range(0, 60).Select(i => $"{i}"), ignoreOrder: true);
    }

    [Fact]
    public async Task History_Expired_OffsetsGoOnUntilMetaExpires()
    {
        var time = new ManualTime();
        await using var broker = new MemoryBroker(time);
        broker.Start(new Received());
        var first = await broker.PublishAsync("c", new byte[10], Kept);
        time.Advance(TimeSpan.FromSeconds(90));
        var second = await broker.PublishAsync("c", new byte[10], Kept);
        time.Advance(TimeSpan.FromMinutes(3));
        var third = await broker.PublishAsync("c", new byte[10], Kept);

        second.Position.ShouldBe(first.Position with { Offset = 2 });
        third.Position.Offset.ShouldBe(1ul);
        third.Position.Epoch.ShouldNotBe(first.Position.Epoch);
    }

    private protected override IHubBroker Create(string space) => new MemoryBroker(TimeProvider.System);
}
