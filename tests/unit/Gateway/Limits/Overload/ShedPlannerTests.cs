using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits.Overload;

namespace Mooring.Gateway.Tests.Limits.Overload;

public sealed class ShedPlannerTests
{
    private const long Limit = 1000;
    private static readonly OverloadConfig Marks = new() { ShedAtPercent = 90, PauseAtPercent = 97 };

    [Theory]
    [InlineData(false, false, 900, false, false, 0)]
    [InlineData(false, false, 901, true, false, 51)]
    [InlineData(true, false, 900, true, false, 50)]
    [InlineData(true, false, 851, true, false, 1)]
    [InlineData(true, false, 850, false, false, 0)]
    [InlineData(true, false, 970, true, false, 120)]
    [InlineData(true, false, 971, true, true, 121)]
    [InlineData(true, true, 901, true, true, 51)]
    [InlineData(true, true, 900, true, false, 50)]
    [InlineData(true, true, 100, false, false, 0)]
    public void Next_ByUsage_HasHysteresis(bool shed, bool paused, long used, bool sheds, bool pauses, long excess)
    {
        var next = OverloadDecision.Next(new OverloadDecision(shed, paused, 0), new MemoryReading(used, Limit), Marks);
        next.ShouldBe(new OverloadDecision(sheds, pauses, excess));
    }

    [Fact]
    public void Next_WithoutLimit_DoesNothing() =>
        OverloadDecision.Next(new OverloadDecision(true, true, 5), new MemoryReading(long.MaxValue, 0), Marks).ShouldBe(default);

    [Fact]
    public void Choose_TakesWhatHoldsMostForLongest()
    {
        // Bytes in KiB, bytes per second.
        var connections = new (int Name, long Kilobytes, double Pace)[]
        {
            (1, 1024, 100e6), // Full buffers in full swing.
            (2, 512, 0),
            (3, 512, 64 * 1024),
            (4, 64, 0),
            (5, 8, 0), // Not worth it.
        };

        Chosen(connections, excess: 1).ShouldBe([2]);
        Chosen(connections, excess: 600 * 1024).ShouldBe([2, 3]);
        Chosen(connections, excess: long.MaxValue).ShouldBe([2, 3, 4, 1]);
        Chosen(connections, excess: 0).ShouldBeEmpty();
    }

    [Fact]
    public void Choose_TooMany_StopsAtATenthOrSixtyFour()
    {
        Chosen([.. Enumerable.Range(1, 200).Select(i => (i, 1024L, 0d))], long.MaxValue).Count.ShouldBe(64);
        Chosen([.. Enumerable.Range(1, 2000).Select(i => (i, 1024L, 0d))], long.MaxValue).Count.ShouldBe(200);
    }

    [Theory]
    [InlineData(0, 0, 0, 1000)]
    [InlineData(0, 4096, 0, 1000)]
    [InlineData(3000, 4096, 5, 1000)]
    [InlineData(51, 60, 5, 45)]
    [InlineData(58, 60, 5, 20)]
    [InlineData(58, 60, 70, 70)]
    [InlineData(58, 60, 7000, 1000)]
    [InlineData(70, 60, 0, 20)]
    public void Look_SoonerTheLessRoomThereIs(long usedMebibytes, long limitMebibytes, int took, int milliseconds) =>
        OverloadPace
            .Next(new MemoryReading(usedMebibytes << 20, limitMebibytes << 20), TimeSpan.FromMilliseconds(took))
            .TotalMilliseconds.ShouldBeInRange(milliseconds, milliseconds * 1.1);

    [Theory]
    [InlineData(0, 0, 7, 2, 256 << 20)]
    [InlineData(500, 1000, 7, 2, 107)]
    [InlineData(900, 1000, 7, 2, 7)]
    [InlineData(1200, 1000, 7, 1, 7)]
    [InlineData(0, 1L << 40, 7, 1, 256 << 20)]
    public void Pending_MayTakeHalfOfTheRoom(long used, long limit, long waiting, int loops, long budget) =>
        PendingBudget.Of(new MemoryReading(used, limit), Marks, waiting, loops).ShouldBe(budget);

    [Theory]
    [InlineData(0, 0, 7, 2, HandshakeBudget.Most)]
    [InlineData(0, 1L << 40, 7, 1, HandshakeBudget.Most)]
    [InlineData(64, 256, 0, 1, 887)]
    [InlineData(64, 256, 0, 2, 443)]
    [InlineData(100, 256, 768, 1, 887)]
    [InlineData(231, 256, 0, 2, HandshakeBudget.Least)]
    [InlineData(300, 256, 10, 2, HandshakeBudget.Least)]
    public void Handshakes_MayTakeAQuarterOfTheRoomThereIsWithoutThem(long used, long limit, int open, int loops, int budget) =>
        HandshakeBudget.Of(new MemoryReading(used << 20, limit << 20), Marks, open, loops).ShouldBe(budget);

    [Fact]
    public void Choose_OfTwoAlike_TakesTheOlder() =>
        ShedPlanner
            .Choose([new(0, 1, 20, 1 << 20, 0), new(0, 2, 10, 1 << 20, 0), new(0, 3, 30, 1 << 20, 0)], _ => 0, excess: 1, most: 64)
            .Single()
            .Descriptor.ShouldBe(2);

    [Fact]
    public void Allowance_IsASecondsAtOnce_AndNoMoreASecond()
    {
        var allowance = default(ShedAllowance).At(5_000_000, 64);
        allowance.Whole.ShouldBe(64);
        allowance = allowance.Less(64);
        allowance.At(5_000_000, 64).Whole.ShouldBe(0);
        allowance = allowance.At(5_500_000, 64).Less(10);
        allowance.Whole.ShouldBe(22);
        allowance.At(60_000_000, 64).Whole.ShouldBe(64);
        // A clock that goes back gives nothing, and takes nothing.
        allowance.At(1, 64).Whole.ShouldBe(22);
    }

    [Fact]
    public void Allowance_LooksHoweverOften_HoldsInAnySecond() =>
        Prop.ForAll(
                Gen.Choose(1, 400_000).ListOf().ToArbitrary(),
                steps =>
                {
                    var (allowance, now) = (default(ShedAllowance), 1L);
                    var closed = new List<(long At, int Count)>();
                    foreach (var step in steps)
                    {
                        now += step;
                        allowance = allowance.At(now, 64);
                        closed.Add((now, allowance.Whole));
                        allowance = allowance.Less(allowance.Whole);
                    }

                    // What was saved up, and a second's.
                    return closed.TrueForAll(from =>
                        closed.Where(one => one.At >= from.At && one.At < from.At + 1_000_000).Sum(one => one.Count) <= 128
                    );
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Fact]
    public void Choose_NeverSparesWhatIsHeavierAndSlower() =>
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, 5000), Gen.Choose(0, 1_000_000)).ListOf().ToArbitrary(),
                Gen.Choose(0, 10_000).ToArbitrary(),
                (list, kilobytes) =>
                {
                    var connections = list.Select((pair, i) => (Name: i, Kilobytes: (long)pair.Item1, Pace: (double)pair.Item2)).ToArray();
                    var excess = kilobytes * 1024L;
                    var chosen = Chosen(connections, excess).ToHashSet();
                    var spared = connections.Where(one => !chosen.Contains(one.Name) && one.Kilobytes >= 16).ToList();
                    var taken = connections.Where(one => chosen.Contains(one.Name)).ToList();
                    var fair = taken.All(gone => spared.All(left => !(left.Kilobytes > gone.Kilobytes && left.Pace < gone.Pace)));
                    var freed = taken.Sum(one => one.Kilobytes * 1024);
                    var enough = freed >= excess || spared.Count == 0 || chosen.Count == 64;
                    // Without the last one it would not have been enough.
                    var frugal = taken.Count == 0 || freed - taken.Max(one => one.Kilobytes * 1024) < excess;
                    return fair && enough && frugal && taken.All(one => one.Kilobytes >= 16);
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    private static List<int> Chosen((int Name, long Kilobytes, double Pace)[] connections, long excess) =>
        [
            .. ShedPlanner
                .Choose(
                    [.. connections.Select(one => new HeavyConnection(0, one.Name, 0, one.Kilobytes * 1024, 0))],
                    heavy => connections.First(one => one.Name == heavy.Descriptor).Pace,
                    excess,
                    ShedPlanner.Most(connections.Length)
                )
                .Select(heavy => heavy.Descriptor),
        ];
}
