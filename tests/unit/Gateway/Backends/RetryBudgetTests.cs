using Mooring.Gateway.Backends;

namespace Mooring.Gateway.Tests.Backends;

public sealed class RetryBudgetTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void TryTake_WithoutTraffic_IsTheRatePerSecond()
    {
        var budget = new RetryBudget();
        // What ten seconds bring may be taken at once.
        Take(budget, 1000, perSecond: 10, connects: 0, now: 0).ShouldBe(100);
        Take(budget, 1000, perSecond: 10, connects: 0, now: 3 * Second).ShouldBe(30);
        (budget.Taken, budget.Denied).ShouldBe((130, 1870));
    }

    [Fact]
    public void TryTake_UnderTotalOutage_StaysBelowItsShareOfConnects()
    {
        var budget = new RetryBudget();
        long connects = 0;
        var retries = 0;
        for (var i = 0; i < 100_000; i++)
        {
            connects++;
            // Every connect fails, so each asks for a retry, which is a connect that fails too.
            for (var attempt = 0; attempt < 4 && budget.TryTake(20, 10, connects, i * 100L); attempt++)
            {
                connects++;
                retries++;
            }
        }

        // 20 % of all connects, and 10 s + 10 s of ten each.
        retries.ShouldBeLessThan((int)(connects * 0.2) + 210);
        retries.ShouldBeGreaterThan((int)(connects * 0.19));
    }

    [Fact]
    public void TryTake_NothingAllowed_AllowsOneAndNoMore() => Take(new RetryBudget(), 100, perSecond: 0, connects: 0, now: 0).ShouldBe(1);

    [Fact]
    public void TryTake_ConnectsFallAsEndpointsGo_TakesNothingAway()
    {
        var budget = new RetryBudget();
        Take(budget, 1, perSecond: 10, connects: 1_000_000, now: 0).ShouldBe(1);
        Take(budget, 1000, perSecond: 10, connects: 5, now: 0).ShouldBe(99);
    }

    private static int Take(RetryBudget budget, int times, int perSecond, long connects, long now) =>
        Enumerable.Range(0, times).Count(_ => budget.TryTake(0, perSecond, connects, now));
}
