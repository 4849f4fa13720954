using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class DurationHistogramTests
{
    [Theory]
    [InlineData(-5, 0, 0)]
    [InlineData(0, 0, 0)]
    [InlineData(100, 0, 100)]
    [InlineData(101, 1, 101)]
    [InlineData(60_000_000, 17, 60_000_000)]
    [InlineData(60_000_001, 18, 60_000_001)]
    [InlineData(long.MaxValue, 18, long.MaxValue)]
    public void Record_CountsInTheFirstBucketThatHoldsIt(long microseconds, int bucket, long sum)
    {
        var histogram = default(DurationHistogram);
        histogram.Record(DurationBounds.Latency, microseconds);

        var counts = new long[DurationBounds.Latency.Length + 1];
        histogram.AddTo(counts).ShouldBe(sum);
        counts.ShouldBe(Enumerable.Range(0, counts.Length).Select(i => i == bucket ? 1L : 0));
    }

    [Fact]
    public void Bounds_RiseAndFit()
    {
        foreach (var bounds in new[] { DurationBounds.Latency, DurationBounds.Session })
        {
            bounds.ShouldBeInOrder();
            bounds.Distinct().Count().ShouldBe(bounds.Length);
            bounds.Length.ShouldBeLessThan(DurationHistogram.MaxBuckets);
        }
    }

    [Fact]
    public void Totals_HaveRoomForEveryReason() =>
        Enum.GetValues<Mooring.Gateway.Listeners.CloseReason>()
            .Max(reason => (int)reason)
            .ShouldBeLessThan(Mooring.Gateway.Listeners.TrafficTotals.MaxReasons);

    [Fact]
    public unsafe void Totals_AreWholeCacheLines()
    {
        sizeof(Mooring.Gateway.Listeners.TrafficTotals).ShouldBe(Mooring.Gateway.Listeners.TrafficTotals.Size);
        (Mooring.Gateway.Listeners.TrafficTotals.Size % 64).ShouldBe(0);
        (sizeof(Mooring.Gateway.Listeners.ListenerTotals) % 64).ShouldBe(0);
    }
}
