using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Tests.Transport;

public sealed unsafe class TimerWheelTests : IDisposable
{
    private readonly ChannelTable _table = new(4096);

    public void Dispose() => _table.Dispose();

    [Theory]
    [InlineData(0u)]
    [InlineData(255u)]
    [InlineData(65_000u)]
    [InlineData(uint.MaxValue - 300)]
    public void Advance_AnyDeadline_FiresAtItsTickAndNotBefore(uint start)
    {
        foreach (var ahead in new uint[] { 1, 2, 100, 255, 256, 257, 511, 512, 1000, 65_279, 65_280, 65_281, 200_000 })
        {
            var wheel = new TimerWheel(_table, start);
            var fired = new List<int>();
            _table.Claim(7, ChannelKind.Client, ChannelPhase.Relaying);
            wheel.Arm(7, start + ahead);
            wheel.Advance(start + ahead - 1, fired.Add);
            fired.ShouldBeEmpty($"{ahead} ahead");
            wheel.Advance(start + ahead, fired.Add);
            fired.ShouldBe([7], $"{ahead} ahead");
            wheel.Count.ShouldBe(0);
        }
    }

    [Fact]
    public void TicksToNext_NothingArmed_IsMinusOne() => new TimerWheel(_table, 5).TicksToNext().ShouldBe(-1);

    [Fact]
    public void TicksToNext_AnyDeadline_NeverSleepsPastIt()
    {
        for (uint start = 0; start < 600; start += 7)
        {
            for (uint ahead = 1; ahead < 400; ahead += 3)
            {
                var wheel = new TimerWheel(_table, start);
                _table.Claim(3, ChannelKind.Client, ChannelPhase.Relaying);
                wheel.Arm(3, start + ahead);
                wheel.TicksToNext().ShouldBeInRange(1, (int)ahead);
            }
        }
    }

    [Fact]
    public void RandomArmsAndDisarms_AgainstASortedModel_FireTheSame()
    {
        var random = new Random(4711);
        uint now = uint.MaxValue - 50_000;
        var wheel = new TimerWheel(_table, now);
        var model = new Dictionary<int, uint>();
        for (var i = 0; i < 2000; i++)
        {
            _table.Claim(i, ChannelKind.Client, ChannelPhase.Relaying);
        }

        for (var step = 0; step < 20_000; step++)
        {
            var descriptor = random.Next(2000);
            if (random.Next(4) == 0)
            {
                wheel.Disarm(descriptor);
                model.Remove(descriptor);
            }
            else
            {
                var deadline = now + (uint)random.Next(1, random.Next(2) == 0 ? 300 : 100_000);
                wheel.Arm(descriptor, deadline);
                model[descriptor] = deadline;
            }

            if (random.Next(10) != 0)
            {
                continue;
            }

            now += (uint)random.Next(1, 400);
            var fired = new HashSet<int>();
            wheel.Advance(now, one => fired.Add(one).ShouldBeTrue());
            var due = model.Where(entry => (int)(entry.Value - now) <= 0).Select(entry => entry.Key).ToHashSet();
            fired.SetEquals(due).ShouldBeTrue();
            foreach (var one in due)
            {
                model.Remove(one);
            }

            wheel.Count.ShouldBe(model.Count);
        }
    }

    [Fact]
    public void Arm_FromACallback_FiresAgainLater()
    {
        var wheel = new TimerWheel(_table, 0);
        var count = 0;
        _table.Claim(1, ChannelKind.Client, ChannelPhase.Relaying);
        wheel.Arm(1, 10);
        for (uint now = 1; now <= 100; now++)
        {
            wheel.Advance(
                now,
                one =>
                {
                    count++;
                    wheel.Arm(one, now + 10);
                }
            );
        }

        count.ShouldBe(10);
    }

    [Theory]
    [InlineData(0, 1u)]
    [InlineData(1, 1u)]
    [InlineData(10, 1u)]
    [InlineData(11, 2u)]
    [InlineData(60_000, 6000u)]
    public void Ticks_Milliseconds_AreRoundedUp(int milliseconds, uint expected) =>
        TimerWheel.Ticks(TimeSpan.FromMilliseconds(milliseconds)).ShouldBe(expected);
}
