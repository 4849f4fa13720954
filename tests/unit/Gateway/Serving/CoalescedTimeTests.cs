using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Serving;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Serving;

public sealed class CoalescedTimeTests
{
    /// <summary>Any timers, changed and ended at any time: none is early or later than a quarter of a second, none is called that is no more, and periods keep their pace.</summary>
    [Fact]
    public void Timers_WhateverIsDoneWithThem_GoOffOnTimeOrAQuarterLater() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(
                Gen.Choose(0, 1_000_000).ArrayOf(120).ToArbitrary(),
                numbers =>
                {
                    var inner = new ManualTime();
                    using var time = new CoalescedTime(inner);
                    var began = inner.GetTimestamp();
                    var timers = Enumerable.Range(0, 8).Select(_ => new Timed(time)).ToArray();
                    for (var i = 0; i + 2 < numbers.Length; i += 3)
                    {
                        var timer = timers[numbers[i] % timers.Length];
                        switch (numbers[i + 1] % 5)
                        {
                            case 0:
                                timer.Set(inner.GetElapsedTime(began), 1 + (numbers[i + 2] % 5000), 0);
                                break;
                            case 1:
                                timer.Set(inner.GetElapsedTime(began), 1 + (numbers[i + 2] % 5000), 750 + (numbers[i + 2] % 3000));
                                break;
                            case 2:
                                timer.End();
                                break;
                            default:
                                inner.Advance(TimeSpan.FromMilliseconds(1 + (numbers[i + 2] % 700)));
                                break;
                        }

                        var now = inner.GetElapsedTime(began);
                        foreach (var one in timers)
                        {
                            one.Verify(now);
                        }
                    }
                }
            )
        );

    [Fact]
    public void Timers_OfASecondAndMore_WakeTheProcessOnceForAll()
    {
        var inner = new ManualTime();
        using var time = new CoalescedTime(inner);
        var (calls, shorts) = (0, 0);
        for (var i = 0; i < 20; i++)
        {
            inner.Advance(TimeSpan.FromMilliseconds(10));
            _ = time.CreateTimer(_ => calls++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        }

        _ = time.CreateTimer(_ => shorts++, null, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(100));
        inner.SetTimers.ShouldBe(2, "one for all the long ones");
        inner.Advance(TimeSpan.FromMilliseconds(3900));
        calls.ShouldBe(3 * 20);
        shorts.ShouldBe(39);
    }

    [Fact]
    public async Task Delays_PeriodsAndCancellations_GoByIt()
    {
        var inner = new ManualTime();
        using var time = new CoalescedTime(inner);
        var delay = Task.Delay(TimeSpan.FromSeconds(2), time);
        using var period = new PeriodicTimer(TimeSpan.FromMilliseconds(100), time);
        period.Period = TimeSpan.FromSeconds(1);
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
        using var given = new CancellationTokenSource(TimeSpan.FromSeconds(3), time);
        given.Dispose();
        inner.SetTimers.ShouldBe(1);

        inner.Advance(TimeSpan.FromSeconds(1.25));
        (await period.WaitForNextTickAsync()).ShouldBeTrue();
        delay.IsCompleted.ShouldBeFalse();
        inner.Advance(TimeSpan.FromSeconds(1));
        await delay;
        cancel.IsCancellationRequested.ShouldBeFalse();
        inner.Advance(TimeSpan.FromSeconds(1));
        cancel.IsCancellationRequested.ShouldBeTrue();
    }

    /// <summary>A timer, and when it should have gone off.</summary>
    private sealed class Timed
    {
        private static readonly TimeSpan Late = CoalescedTime.Grain + TimeSpan.FromMilliseconds(2);
        private readonly ITimer _timer;
        private TimeSpan? _due;
        private TimeSpan _period;
        private int _calls;
        private int _expected;

        public Timed(TimeProvider time) =>
            _timer = time.CreateTimer(_ => _calls++, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public void Set(TimeSpan now, int due, int period)
        {
            _timer
                .Change(TimeSpan.FromMilliseconds(due), period == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(period))
                .ShouldBeTrue();
            (_due, _period, _expected) = (now + TimeSpan.FromMilliseconds(due), TimeSpan.FromMilliseconds(period), _calls);
        }

        public void End()
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan).ShouldBeTrue();
            (_due, _expected) = (null, _calls);
        }

        public void Verify(TimeSpan now)
        {
            // A period is whole quarters, so at most this many of them have ended, and at least that many.
            (Most(now) >= _calls - _expected).ShouldBeTrue($"{_calls - _expected} calls, due at {_due}, each {_period}, at {now}");
            (Least(now) <= _calls - _expected).ShouldBeTrue($"{_calls - _expected} calls, due at {_due}, each {_period}, at {now}");
        }

        private int Most(TimeSpan now) => Count(now, _period);

        private int Least(TimeSpan now) => Count(now - Late, _period + CoalescedTime.Grain);

        private int Count(TimeSpan now, TimeSpan period) =>
            _due is not { } due || now < due ? 0
            : _period == TimeSpan.Zero ? 1
            : 1 + (int)((now - due) / period);
    }
}
