using Mooring.Gateway.Draining;

namespace Mooring.Gateway.Tests.Draining;

public sealed class ClosePacerTests
{
    /// <summary>Whatever the jitter, and however unevenly it is asked.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(7, 0)]
    [InlineData(50, 250)]
    [InlineData(100, 1000)]
    [InlineData(399, 3000)]
    public void Take_AnySecond_HasNoMoreThanTheRate(int rate, int jitter)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var pacer = new ClosePacer(random);
            pacer.Restart(TimeSpan.Zero);
            var closes = new List<double>();
            var left = 20 * rate;
            for (var at = 0.0; at < 10; at += random.Next(1, 100) / 1000.0)
            {
                var count = pacer.Take(TimeSpan.FromSeconds(at), left, rate, TimeSpan.FromMilliseconds(jitter));
                left -= count;
                closes.AddRange(Enumerable.Repeat(at, count));
            }

            closes.Count.ShouldBeGreaterThan(rate * 5);
            MostInASecond(closes).ShouldBeLessThanOrEqualTo(rate);
        }
    }

    /// <summary>The process stands still now and then, between deciding and doing too: what was decided goes when it wakes, and not the next ones with it.</summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(16, 0)]
    [InlineData(100, 0)]
    [InlineData(100, 1000)]
    public void Take_ProcessStandsStill_AnySecondHasNoMoreThanTheRate(int rate, int jitter)
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var pacer = new ClosePacer(random);
            pacer.Restart(TimeSpan.Zero);
            var closes = new List<double>();
            for (var at = 0.0; at < 20; at += Pause(random))
            {
                var count = pacer.Take(TimeSpan.FromSeconds(at), 1000, rate, TimeSpan.FromMilliseconds(jitter));
                at += random.Next(4) == 0 ? random.NextDouble() : 0;
                closes.AddRange(Enumerable.Repeat(at, count));
                pacer.Sent(TimeSpan.FromSeconds(at));
            }

            closes.Count.ShouldBeGreaterThan(rate);
            MostInASecond(closes).ShouldBeLessThanOrEqualTo(rate);
        }

        static double Pause(Random random) => random.Next(10) == 0 ? random.NextDouble() : 0.02;
    }

    /// <summary>One ends and the other has its share from then on: together they do what one may.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(100)]
    public void Take_ShareChangesHands_BothTogetherKeepTheRate(int rate)
    {
        for (var change = 2.0; change < 3; change += 0.013)
        {
            var (one, other) = (new ClosePacer(new Random(1)), new ClosePacer(new Random(2)));
            one.Restart(TimeSpan.Zero);
            other.Restart(TimeSpan.Zero);
            var closes = new List<double>();
            for (var at = 0.0; at < 6; at += 0.02)
            {
                var count =
                    one.Take(TimeSpan.FromSeconds(at), at < change ? 1000 : 0, at < change ? rate : 0.0001, TimeSpan.Zero)
                    + other.Take(TimeSpan.FromSeconds(at), 1000, at < change ? 0.0001 : rate, TimeSpan.Zero);
                closes.AddRange(Enumerable.Repeat(at, count));
            }

            closes.Count.ShouldBeGreaterThan(rate * 3);
            MostInASecond(closes).ShouldBeLessThanOrEqualTo(rate);
        }
    }

    private static int MostInASecond(List<double> closes)
    {
        var most = 0;
        for (var (first, last) = (0, 0); last < closes.Count; last++)
        {
            while (closes[last] - closes[first] >= 1)
            {
                first++;
            }

            most = Math.Max(most, last - first + 1);
        }

        return most;
    }
}
