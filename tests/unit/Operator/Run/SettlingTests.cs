using Mooring.Operator.Run;

namespace Mooring.Operator.Tests.Run;

/// <summary>When the gateways are taken to be back after a change of leader.</summary>
public sealed class SettlingTests
{
    // Of a machine that has been up for a while.
    private static readonly TimeSpan Began = TimeSpan.FromDays(3);

    [Theory]
    [InlineData(0, 0.0, true)] // nobody is to come
    [InlineData(2, 0.0, false)]
    [InlineData(2, 3.9, false)]
    [InlineData(2, 4.0, true)] // nobody has come, and would have by now
    public void NobodyComes(int expected, double after, bool over) =>
        new Settling(Began, expected).IsOver(Began + TimeSpan.FromSeconds(after), 0).ShouldBe(over);

    [Fact]
    public void AllCome_ItIsOverAtOnce()
    {
        var settling = new Settling(Began, 100);
        settling.IsOver(At(0.5), 40).ShouldBeFalse();
        settling.IsOver(At(0.6), 99).ShouldBeFalse();
        settling.IsOver(At(0.7), 100).ShouldBeTrue();
        // Some may leave again.
        settling.IsOver(At(0.8), 10).ShouldBeTrue();
    }

    [Theory]
    [InlineData(0.5, 10.0)] // they come and come: at the longest
    [InlineData(1.5, 4.0)] // with a lull: the last came after 3 s
    public void SomeCome_ItIsOver(double every, double over)
    {
        var settling = new Settling(Began, 1000);
        for (var half = 0; half < 100; half++)
        {
            var now = half * 0.5;
            if (settling.IsOver(At(now), 1 + (int)(now / every)))
            {
                now.ShouldBe(over);
                return;
            }
        }

        Assert.Fail("never over");
    }

    private static TimeSpan At(double seconds) => Began + TimeSpan.FromSeconds(seconds);
}
