using Mooring.Operator.Host;
using Mooring.Operator.Scaling;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

public sealed class WallClockTests
{
    [Theory]
    [InlineData(3600, true)]
    [InlineData(-3600, true)]
    [InlineData(1, false)]
    [InlineData(-1, false)]
    public void Jump_OfMoreThanALittle_IsSeenOnce(int seconds, bool seen)
    {
        var time = new ManualTime();
        var clock = new WallClock(time);
        time.Advance(TimeSpan.FromMinutes(5));
        clock.Jump().ShouldBe(TimeSpan.Zero, "time passed");

        time.SetForward(TimeSpan.FromSeconds(seconds));
        time.Advance(TimeSpan.FromMinutes(5));

        clock.Jump().ShouldBe(seen ? TimeSpan.FromSeconds(seconds) : TimeSpan.Zero);
        clock.Jump().ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void Shift_MovesWhatWasNoted_AndNothingElse()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var slot = new ChildSlot("g", 0, "a") { NotBefore = now.AddSeconds(5) };
        slot.Drain(now.AddSeconds(60), now);
        slot.Mark = new DrainMark(DrainCauses.Rollout, now, now, now.AddSeconds(60));
        var back = TimeSpan.FromHours(-1);

        slot.Shift(back);

        (slot.Since, slot.NotBefore, slot.Deadline).ShouldBe((now + back, now.AddSeconds(5) + back, now.AddSeconds(60) + back));
        slot.Mark.ShouldBe(new DrainMark(DrainCauses.Rollout, now + back, now + back, now.AddSeconds(60) + back));
        slot.StartedAt.ShouldBe(default, "it never started");
        slot.Phase.ShouldBe(SlotPhase.Draining);
    }
}
