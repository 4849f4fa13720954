using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Reading what was missed in pages.</summary>
public abstract partial class HubBrokerTests
{
    private const int Megabyte = 1 << 20;
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

    [Theory]
    [InlineData(12, true)]
    [InlineData(30, false)]
    public async Task Missed_Long_IsReadInMoreThanOnePage_OrNothingWhereItIsTooLong(int megabytes, bool whole)
    {
        var from = await FillAsync("long", 1);
        await FillAsync("long", megabytes, Megabyte);

        (await MissedAsync("long", from)).Publications.Count.ShouldBe(whole ? megabytes : 0);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 11)]
    public async Task History_OfMuch_EndsWhereAnAnswerIsFull_AndGoesOnFromThere(bool reverse, int first)
    {
        await FillAsync("long", 11, Megabyte);

        var one = await Broker.HistoryAsync("long", new HistoryQuery(null, 100, reverse, Long.MetaTtl));
        one.Publications.Select(publication => publication.Offset).ShouldBe(Offsets(first, 8));
        one.Publications.ShouldAllBe(publication => publication.Payload.Length == Megabyte);
        var since = new StreamPosition(one.Publications[^1].Offset, one.Top.Epoch);
        var other = await Broker.HistoryAsync("long", new HistoryQuery(since, 100, reverse, Long.MetaTtl));
        other.Publications.Select(publication => publication.Offset).ShouldBe(Offsets(reverse ? 3 : 9, 3));
        (await Broker.HistoryAsync("long", new HistoryQuery(null, 2, reverse, Long.MetaTtl)))
            .Publications.Select(publication => publication.Offset)
            .ShouldBe(Offsets(first, 2));

        IEnumerable<ulong> Offsets(int from, int count) => Enumerable.Range(0, count).Select(i => (ulong)(reverse ? from - i : from + i));
    }

    [Fact]
    public async Task History_OneThatIsLongerThanAnAnswer_IsGivenAllTheSame()
    {
        await FillAsync("long", 2, HistoryQuery.MaxBytes + 1);

        foreach (var reverse in new[] { false, true })
        {
            (await Broker.HistoryAsync("long", new HistoryQuery(null, 100, reverse, Long.MetaTtl)))
                .Publications.Single()
                .Offset.ShouldBe(reverse ? 2ul : 1ul);
        }
    }

    [Theory]
    [InlineData(PresenceResult.MaxEntries, 1, true)]
    [InlineData(PresenceResult.MaxEntries + 1, 1, false)]
    [InlineData(129, 65_536, false)]
    public async Task Presence_OfMany_IsToldUpToABound_AndCountedBeyondIt(int clients, int bytes, bool fits)
    {
        var info = new byte[bytes];
        foreach (var some in Enumerable.Range(0, clients).Chunk(100))
        {
            await Task.WhenAll(
                some.Select(i => Broker.AddPresenceAsync("room", new PresenceEntry($"c{i}", "anna", info), Kept.HistoryTtl).AsTask())
            );
        }

        var present = await Broker.PresenceAsync("room");

        present.Status.ShouldBe(fits ? BrokerStatus.Ok : BrokerStatus.TooMany);
        present.Entries.Count.ShouldBe(fits ? clients : 0);
        (await Broker.PresenceStatsAsync("room")).ShouldBe(new PresenceStats(BrokerStatus.Ok, clients, 1));
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
            if (results.Count % 100 == 0 || bytes > 10_000)
            {
                await Task.WhenAll(results);
            }
        }

        return (await Task.WhenAll(results))[^1].Position;
    }
}
