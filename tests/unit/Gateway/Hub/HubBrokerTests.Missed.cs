using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Reading what was missed in pages.</summary>
public abstract partial class HubBrokerTests
{
    private const int Pages = 3 * MissedPublications.Page;
    private static PublishOptions Long => Kept with { HistorySize = Pages };

    [Theory]
    [InlineData(MissedPublications.Page - 1)]
    [InlineData(MissedPublications.Page)]
    [InlineData(MissedPublications.Page + 1)]
    [InlineData(Pages)]
    public async Task Missed_InsideTheHistory_IsReadWhole(int count)
    {
        var from = await FillAsync("long", 1);
        await FillAsync("long", count);

        var missed = await MissedAsync("long", from);

        missed.Status.ShouldBe(BrokerStatus.Ok);
        missed.Top.Offset.ShouldBe((ulong)count + 1);
        missed.Publications.Select(one => one.Offset).ShouldBe(Enumerable.Range(2, count).Select(i => (ulong)i));
    }

    [Fact]
    public async Task Missed_MoreThanTheHistoryHas_DoesNotBeginWhereTheClientWas()
    {
        var from = await FillAsync("long", 1);
        await FillAsync("long", Pages + 1);

        (await MissedAsync("long", from)).Publications[0].Offset.ShouldBeGreaterThan(from.Offset + 1);
    }

    [Fact]
    public async Task Missed_TrimmedBetweenTwoPages_IsNothing()
    {
        var from = await FillAsync("long", 1);
        await FillAsync("long", Pages);
        var reads = 0;

        var missed = await MissedPublications.ReadAsync(
            async query =>
            {
                var page = await Broker.HistoryAsync("long", query);
                if (++reads == 1)
                {
                    await FillAsync("long", Pages);
                }

                return page;
            },
            First(from)
        );

        missed.Publications.ShouldBeEmpty();
        missed.Top.Offset.ShouldBe((2ul * Pages) + 1);
        reads.ShouldBe(2);
    }

    [Fact]
    public async Task Missed_MoreThanMayBeHeld_IsNothing()
    {
        var from = await FillAsync("long", 1);
        // Two pages and a half: what is held is counted after each.
        await FillAsync("long", MissedPublications.Page * 5 / 2, (MissedPublications.MaxBytes / MissedPublications.Page / 2) + 1000);

        (await MissedAsync("long", from)).Publications.ShouldBeEmpty();
    }

    private static HistoryQuery First(StreamPosition from) => new(from, MissedPublications.Page, false, Long.MetaTtl);

    private ValueTask<HistoryResult> MissedAsync(string channel, StreamPosition from) =>
        MissedPublications.ReadAsync(query => Broker.HistoryAsync(channel, query), First(from));

    private async Task<StreamPosition> FillAsync(string channel, int count, int bytes = 10)
    {
        var results = new List<Task<PublishResult>>(count);
        for (var i = 0; i < count; i++)
        {
            results.Add(Broker.PublishAsync(channel, new byte[bytes], Long).AsTask());
            if (results.Count % 100 == 0)
            {
                await Task.WhenAll(results);
            }
        }

        return (await Task.WhenAll(results))[^1].Position;
    }
}
