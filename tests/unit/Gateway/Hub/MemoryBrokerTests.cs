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
        read.Publications.Select(one => one.Offset).ShouldBe(Enumerable.Range(91, 10).Select(i => (ulong)i));
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
