using Mooring.Gateway.Draining;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Tests.Draining;

public sealed class GoneListenersTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(9);

    private readonly GoneListeners _gone = new();

    [Fact]
    public void DeadlineOf_ListenerThatGoesTwice_EachLifeHasItsOwn()
    {
        Update(100, TimeSpan.Zero);
        Update(long.MaxValue, TimeSpan.FromMinutes(8));

        DeadlineOf(50).ShouldBe(Patience);
        DeadlineOf(200).ShouldBe(TimeSpan.FromMinutes(17));

        // Looked at anew all the time, which puts nothing off.
        Update(long.MaxValue, TimeSpan.FromMinutes(8.5));
        DeadlineOf(50).ShouldBe(Patience);
        DeadlineOf(200).ShouldBe(TimeSpan.FromMinutes(17));
    }

    [Fact]
    public void DeadlineOf_ListenerThatIsReplacedTwice_EachLifeHasItsOwn()
    {
        Update(100, TimeSpan.Zero);
        Update(200, TimeSpan.FromMinutes(1));

        DeadlineOf(50).ShouldBe(Patience);
        DeadlineOf(150).ShouldBe(TimeSpan.FromMinutes(10));
        DeadlineOf(250).ShouldBeNull();
    }

    [Theory]
    [InlineData(new[] { long.MaxValue, 100 })]
    [InlineData(new[] { 100, long.MaxValue, 100 })]
    [InlineData(new[] { 100, long.MaxValue, 200 })]
    public void DeadlineOf_ListenerThatComesBack_StaysForThoseWhoWereThere(long[] before)
    {
        for (var i = 0; i < before.Length; i++)
        {
            Update(before[i], TimeSpan.FromMinutes(i * 4));
        }

        DeadlineOf(50).ShouldBe(Patience);
        DeadlineOf(150).ShouldBe(before[^1] == 200 ? TimeSpan.FromMinutes(13) : null);
        DeadlineOf(250).ShouldBeNull();
    }

    [Fact]
    public void Without_OpenOfEitherLife_IsNotSettled()
    {
        Update(100, TimeSpan.Zero);
        Update(200, TimeSpan.FromMinutes(1));

        _gone.Without([Open(50)]).ShouldBeEmpty();
        _gone.Without([Open(150)]).ShouldBeEmpty();
        _gone.Without([Open(250)]).ShouldHaveSingleItem().Before.ShouldBe(200);
    }

    private void Update(long before, TimeSpan now) => _gone.Update([new GoneListener(1, before)], now, Patience);

    private TimeSpan? DeadlineOf(long started) => _gone.DeadlineOf(Open(started));

    private static OpenConnection Open(long started) => new(0, 7, started, 1, IsWebSocket: false);
}
