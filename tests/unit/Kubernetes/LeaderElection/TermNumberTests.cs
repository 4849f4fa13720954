using Mooring.Kubernetes.LeaderElection;

namespace Mooring.Kubernetes.Tests.LeaderElection;

public sealed class TermNumberTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void First_OfALaterLease_IsAboveAllTermsOfAnEarlierOne()
    {
        // A leader that changes every twenty seconds for a whole day.
        var last = TermNumber.First(Now) + (24 * 3600 / 20);
        TermNumber.First(Now.AddDays(1)).ShouldBeGreaterThan(last);
    }

    [Theory]
    [InlineData(-400)]
    [InlineData(-1)]
    [InlineData(0)]
    public void First_ClockSetBack_IsStillAboveWhatWasSeen(int days)
    {
        var seen = TermNumber.First(Now) + 5;
        TermNumber.First(Now.AddDays(days), seen).ShouldBeGreaterThan(seen);
    }

    [Fact]
    public void First_AboveAnyNumberOfReleasesThatCountedFromOne() => TermNumber.First(Now).ShouldBeGreaterThan(50_000_000);

    [Theory]
    [InlineData(1999, 0, 1)]
    [InlineData(2999, 0, int.MaxValue / 2)]
    [InlineData(2999, int.MaxValue, int.MaxValue)]
    public void First_NeverOverflows(int year, int seen, int first) =>
        TermNumber.First(new DateTimeOffset(year, 1, 1, 0, 0, 0, TimeSpan.Zero), seen).ShouldBe(first);
}
