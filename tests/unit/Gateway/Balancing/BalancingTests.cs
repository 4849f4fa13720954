using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Balancing;

namespace Mooring.Gateway.Tests.Balancing;

public sealed class BalancingTests
{
    private static readonly Config Checks = Config.QuickThrowOnFailure.WithMaxTest(200);

    [Theory]
    [InlineData(new[] { 3, 1, 2 }, null, 1)]
    [InlineData(new[] { 4, 2 }, new[] { 4, 1 }, 0)]
    [InlineData(new[] { 0, 0 }, new[] { 1, 2 }, 1)]
    [InlineData(new int[0], null, -1)]
    public void LeastConnections_FewEndpoints_TakesTheLeastLoadedByWeight(int[] connections, int[]? weights, int expected) =>
        LeastConnections.Pick(new ArrayView(connections, weights), 12345).ShouldBe(expected);

    [Fact]
    public void LeastConnections_NoneAvailable_IsMinusOne()
    {
        for (ulong random = 1; random < 1000; random += 37)
        {
            LeastConnections.Pick(new ArrayView(new int[40], null, new bool[40]), random * 0x9E37_79B9_7F4A_7C15).ShouldBe(-1);
        }
    }

    [Fact]
    public void LeastConnections_OneAvailableOfMany_IsFound()
    {
        var available = new bool[1000];
        available[517] = true;
        LeastConnections.Pick(new ArrayView(new int[1000], null, available), 99).ShouldBe(517);
    }

    [Fact]
    public void LeastConnections_ManyEndpoints_StayNearlyEven()
    {
        var connections = new int[100];
        var random = new Random(1);
        for (var i = 0; i < 100_000; i++)
        {
            connections[LeastConnections.Pick(new ArrayView(connections), (ulong)random.NextInt64(long.MinValue, long.MaxValue))]++;
        }

        // Two random choices keep the greatest within a few of the mean of 1,000; one choice would be off by about 100.
        connections.Max().ShouldBeLessThan(1010);
    }

    [Fact]
    public void LeastConnections_Equals_ShareEvenly()
    {
        var counts = new int[4];
        var random = new Random(1);
        for (var i = 0; i < 40_000; i++)
        {
            counts[LeastConnections.Pick(new ArrayView([0, 0, 0, 0]), (ulong)random.NextInt64(long.MinValue, long.MaxValue))]++;
        }

        counts.ShouldAllBe(count => count > 9_000 && count < 11_000);
    }

    [Fact]
    public void RoundRobin_EqualWeights_GoesRound()
    {
        long sequence = 0;
        var picks = Enumerable.Range(0, 6).Select(_ => RoundRobin.Pick(new ArrayView(new int[3]), 1, ref sequence));
        picks.ShouldBe([0, 1, 2, 0, 1, 2]);
    }

    [Fact]
    public void RoundRobin_AnyWeights_SharesExactlyByWeightOverAFullRound() =>
        Prop.ForAll(
                Gen.Choose(1, 16).NonEmptyListOf().ToArbitrary(),
                weights =>
                {
                    var array = weights.Take(20).ToArray();
                    var counts = new int[array.Length];
                    long sequence = 0;
                    for (var i = 0; i < array.Sum() * 10; i++)
                    {
                        counts[RoundRobin.Pick(new ArrayView(new int[array.Length], array), array.Max(), ref sequence)]++;
                    }

                    return counts.Zip(array).All(pair => pair.First == pair.Second * 10);
                }
            )
            .Check(Checks);

    [Fact]
    public void RoundRobin_HeavyAndLight_AreSpreadOverTheRound()
    {
        long sequence = 0;
        var view = new ArrayView(new int[2], [4, 2]);
        var picks = string.Concat(Enumerable.Range(0, 12).Select(_ => RoundRobin.Pick(view, 4, ref sequence)));
        // Never more than two of the heavy one in a row.
        picks.ShouldNotContain("000");
        picks.Count(c => c == '0').ShouldBe(8);
    }

    [Fact]
    public void RoundRobin_SomeOut_SkipsThemAndEndsWhenAllAre()
    {
        long sequence = 0;
        var view = new ArrayView(new int[3], [256, 1, 256], [false, true, false]);
        Enumerable.Range(0, 5).Select(_ => RoundRobin.Pick(view, 256, ref sequence)).ShouldAllBe(index => index == 1);
        RoundRobin.Pick(new ArrayView(new int[3], null, new bool[3]), 1, ref sequence).ShouldBe(-1);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(60, 20)]
    public void RoundRobin_HeaviestIsOut_TheOthersShareByTheirWeights(int second, int third)
    {
        const int Picks = 6_000;
        long sequence = 0;
        var view = new ArrayView(new int[3], [256, second, third], [false, true, true]);
        var picks = Enumerable.Range(0, Picks).Count(_ => RoundRobin.Pick(view, 256, ref sequence) == 1);
        (picks / (double)Picks).ShouldBe(second / (double)(second + third), 0.04);
    }

    [Fact]
    public void Maglev_AnyEndpoints_GetsEachItsShare() =>
        Prop.ForAll(
                Gen.Choose(1, 60).ToArbitrary(),
                count =>
                {
                    var counts = Owners(Ids(count), 20_000).GroupBy(id => id).ToDictionary(group => group.Key, group => group.Count());
                    // The table is even to a slot; what is left is the sampling of 20,000 keys.
                    var mean = 20_000.0 / count;
                    return counts.Count == count && counts.Values.All(n => Math.Abs(n - mean) < (6 * Math.Sqrt(mean)) + 1);
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(20));

    [Fact]
    public void Maglev_Weights_ShareInProportion()
    {
        var table = MaglevTable.Build([("a", 1), ("b", 3)]);
        var view = new ArrayView(new int[2]);
        var second = Enumerable.Range(0, 100_000).Count(key => table.Pick(view, (ulong)key) == 1);
        second.ShouldBeInRange(74_000, 76_000);
    }

    [Fact]
    public void Maglev_OrderOfEndpoints_ChangesNothing()
    {
        var ids = Ids(17);
        Owners([.. ids.Reverse()], 5_000).ShouldBe(Owners(ids, 5_000));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(50)]
    public void Maglev_OneEndpointGone_MovesItsKeysAndFewOthers(int count)
    {
        var before = Owners(Ids(count), 20_000);
        var after = Owners([.. Ids(count).Skip(1)], 20_000);
        var others = before.Zip(after).Where(pair => pair.First != "endpoint-0").ToList();
        var moved = others.Count(pair => pair.First != pair.Second);
        (moved / (double)others.Count).ShouldBeLessThan(0.04);
        after.ShouldNotContain("endpoint-0");
    }

    [Fact]
    public void Maglev_OneEndpointOut_MovesNoOtherKey()
    {
        var ids = Ids(20);
        var table = MaglevTable.Build([.. ids.Select(id => (id, 1))]);
        var available = Enumerable.Repeat(true, 20).ToArray();
        available[3] = false;
        var hit = new HashSet<int>();
        for (ulong key = 0; key < 20_000; key++)
        {
            var before = table.Pick(new ArrayView(new int[20]), key);
            var after = table.Pick(new ArrayView(new int[20], null, available), key);
            if (before == 3)
            {
                hit.Add(after);
            }
            else
            {
                after.ShouldBe(before);
            }
        }

        // Its keys spread over all the rest.
        hit.Count.ShouldBe(19);
    }

    [Fact]
    public void Maglev_NoneAvailable_IsMinusOne()
    {
        MaglevTable.Build([]).Pick(new ArrayView([]), 1).ShouldBe(-1);
        MaglevTable.Build([("a", 1)]).Pick(new ArrayView([0], null, [false]), 1).ShouldBe(-1);
    }

    private static string[] Ids(int count) => [.. Enumerable.Range(0, count).Select(i => $"endpoint-{i}")];

    private static string[] Owners(string[] ids, int keys)
    {
        var table = MaglevTable.Build([.. ids.Select(id => (id, 1))]);
        var view = new ArrayView(new int[ids.Length]);
        return [.. Enumerable.Range(0, keys).Select(key => ids[table.Pick(view, (ulong)key)])];
    }
}
