using FsCheck;
using FsCheck.Fluent;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Tests;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Percentile_Empty_IsZero() => new LatencyHistogram().Percentile(99).ShouldBe(0);

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(127)]
    [InlineData(128)]
    [InlineData(1_000)]
    [InlineData(845_123)]
    [InlineData(999_999_999)]
    [InlineData((1L << 40) - 1)]
    public void Percentile_OneValue_IsThatValueWithinABucket(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        histogram.Percentile(50).ShouldBeInRange(value, value + (value / 64));
    }

    [Theory]
    [InlineData(-5, 0)]
    [InlineData(long.MaxValue, (1L << 40) - 1)]
    public void Record_OutOfRange_CountsAtTheEnd(long value, long expected)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        histogram.Percentile(100).ShouldBe(expected);
    }

    [Fact]
    public void Percentile_OneToAThousand_IsTheRank()
    {
        var histogram = new LatencyHistogram();
        foreach (var value in Enumerable.Range(1, 1_000).Reverse())
        {
            histogram.Record(value);
        }

        histogram.Count.ShouldBe(1_000);
        histogram.Percentile(1).ShouldBe(10);
        histogram.Percentile(50).ShouldBeInRange(500, 508);
        histogram.Percentile(99).ShouldBeInRange(990, 1_006);
        histogram.Percentile(100).ShouldBeInRange(1_000, 1_016);
    }

    [Fact]
    public void Percentile_AnyValues_LeavesAtMostItsShareAbove() =>
        Prop.ForAll<NonNegativeInt[]>(values =>
            {
                var histogram = new LatencyHistogram();
                foreach (var value in values)
                {
                    histogram.Record(value.Item);
                }

                var p90 = histogram.Percentile(90);
                return values.Count(value => value.Item > p90) <= values.Length / 10;
            })
            .Check(Config.QuickThrowOnFailure);

    [Fact]
    public void Clear_Recorded_ForgetsAll()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(7);
        histogram.Clear();
        histogram.Count.ShouldBe(0);
        histogram.Percentile(100).ShouldBe(0);
    }
}
