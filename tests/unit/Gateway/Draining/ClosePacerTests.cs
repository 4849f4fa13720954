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
            for (var (first, last) = (0, 0); last < closes.Count; last++)
            {
                while (closes[last] - closes[first] >= 1)
                {
                    first++;
                }

                (last - first + 1).ShouldBeLessThanOrEqualTo(rate);
            }
        }
    }
}
