using FsCheck;
using FsCheck.Fluent;
using Mooring.Operator.Scaling.Autoscaling;

namespace Mooring.Operator.Tests.Scaling;

public sealed class ScalingPolicyTests
{
    // A Wednesday.
    private static readonly DateTimeOffset Now = new(2026, 1, 7, 12, 0, 0, TimeSpan.Zero);

    private static readonly ScalingRules Rules = new() { MinReplicas = 2, MaxReplicas = 20 };

    [Theory]
    // Between the thresholds nothing happens; each gateway takes 1,000.
    [InlineData(4, 2000, 4, ScalingReason.Steady)]
    [InlineData(4, 3200, 4, ScalingReason.Steady)]
    [InlineData(4, 3201, 5, ScalingReason.LoadHigh)]
    [InlineData(4, 4000, 5, ScalingReason.LoadHigh)]
    [InlineData(4, 8000, 10, ScalingReason.LoadHigh)]
    [InlineData(4, 1200, 4, ScalingReason.Steady)]
    [InlineData(4, 1199, 3, ScalingReason.LoadLow)]
    [InlineData(4, 0, 2, ScalingReason.LoadLow)]
    [InlineData(2, 0, 2, ScalingReason.AtMinimum)]
    [InlineData(1, 0, 2, ScalingReason.AtMinimum)]
    [InlineData(25, 100, 20, ScalingReason.AtMaximum)]
    [InlineData(20, 19000, 20, ScalingReason.AtMaximum)]
    public void Decide_Connections_ByThresholds(int current, int connections, int recommended, ScalingReason reason)
    {
        var decision = ScalingPolicy.Decide(Input(current, connections));

        (decision.Recommended, decision.Reason).ShouldBe((recommended, reason), decision.Message);
    }

    [Fact]
    public void Decide_Draining_ItsConnectionsCountAndItsCapacityDoesNot()
    {
        // Four serve with 700 each; a fifth drains with 900 that will be back.
        var input = Input(4, 2800) with
        {
            Members = [.. Members(4, 2800), new MemberLoad(false, 900, 1000)],
        };

        ScalingPolicy.Decide(input).Recommended.ShouldBe(5);
        ScalingPolicy.Decide(Input(4, 2800)).Recommended.ShouldBe(4);
    }

    [Fact]
    public void Decide_Silent_NeverFewerNeverMore()
    {
        var input = Input(4, 100) with { Silent = 1 };

        var decision = ScalingPolicy.Decide(input);

        (decision.Recommended, decision.Reason).ShouldBe((4, ScalingReason.NoReports));
        ScalingPolicy.Decide(input with { Members = [], Silent = 4 }).Reason.ShouldBe(ScalingReason.NoReports);
    }

    /// <summary>As right after a change of leader: the rates of a gateway follow from two of its reports.</summary>
    [Theory]
    [InlineData(true, 4, ScalingReason.NoReports)]
    [InlineData(false, 4, ScalingReason.NoReports)]
    [InlineData(null, 2, ScalingReason.LoadLow)]
    public void Decide_SignalNotSaidYet_NeverFewer(bool? silentOneServes, int recommended, ScalingReason reason)
    {
        var rules = Rules with { Targets = new Dictionary<string, double> { ["cpuPercent"] = 50 } };
        var members = Members(4, 100)
            .Select(member => member with { Signals = new Dictionary<string, double> { ["cpuPercent"] = 1 } })
            .ToList();
        if (silentOneServes is { } serves)
        {
            members.Add(new MemberLoad(serves, 0, 1000));
        }

        var decision = ScalingPolicy.Decide(Input(4, 0, rules) with { Members = members });

        (decision.Recommended, decision.Reason).ShouldBe((recommended, reason), decision.Message);
    }

    [Fact]
    public void Decide_SignalNotSaidYet_MayRise()
    {
        var rules = Rules with { Targets = new Dictionary<string, double> { ["cpuPercent"] = 50 } };

        ScalingPolicy.Decide(Input(4, 3500, rules)).Recommended.ShouldBe(5);
    }

    [Fact]
    public void Decide_Buffer_KeepsSlotsFree()
    {
        // 70 % of 10: below the threshold, and 300 of the 1,000 slots that the buffer wants are missing... of ten gateways 3,000 are free.
        ScalingPolicy.Decide(Input(10, 7000, Rules with { BufferConnections = 3000 })).Recommended.ShouldBe(10);
        var decision = ScalingPolicy.Decide(Input(10, 7000, Rules with { BufferConnections = 3001 }));
        decision.Recommended.ShouldBe(11);
        decision.Message.ShouldContain("the buffer of free slots wants 11");
        ScalingPolicy.Decide(Input(10, 7000, Rules with { BufferPercent = 50 })).Recommended.ShouldBe(11);
    }

    [Fact]
    public void Decide_SeveralSignals_TheLargestWins()
    {
        var rules = Rules with
        {
            Targets = new Dictionary<string, double> { ["messagesPerSecond"] = 1000, ["cpuPercent"] = 50 },
        };
        var members = Enumerable
            .Range(0, 4)
            .Select(_ => new MemberLoad(true, 500, 1000)
            {
                Signals = new Dictionary<string, double> { ["messagesPerSecond"] = 1500, ["cpuPercent"] = 10 },
            })
            .ToList();

        var decision = ScalingPolicy.Decide(Input(4, 0, rules) with { Members = members });

        decision.Recommended.ShouldBe(6);
        decision.Message.ShouldContain("messagesPerSecond wants 6");
    }

    [Theory]
    // Four wanted, each to carry 100: what the serving ones carry, what the draining ones do, and what becomes of it.
    [InlineData("bandwidth", 380, 0, 4, ScalingReason.Steady)]
    [InlineData("bandwidth", 190, 190, 4, ScalingReason.Steady)]
    [InlineData("bandwidth", 0, 380, 4, ScalingReason.Steady)]
    [InlineData("bandwidth", 190, 290, 5, ScalingReason.LoadHigh)]
    [InlineData("bandwidth", 40, 0, 2, ScalingReason.LoadLow)]
    [InlineData("bandwidth", 20, 20, 2, ScalingReason.LoadLow)]
    [InlineData("cpu", 190, 190, 4, ScalingReason.Steady)]
    [InlineData("cpu", 190, 290, 4, ScalingReason.Steady)]
    [InlineData("cpu", 490, 0, 5, ScalingReason.LoadHigh)]
    [InlineData("cpu", 20, 20, 2, ScalingReason.LoadLow)]
    public void Decide_SignalsWhileOthersDrain_AreNotBlind(
        string signal,
        double serving,
        double draining,
        int recommended,
        ScalingReason reason
    )
    {
        var rules = Rules with
        {
            Targets = new Dictionary<string, double> { [signal] = 100 },
            OwnWork = new HashSet<string> { "cpu" },
        };

        var decision = ScalingPolicy.Decide(Input(4, 0, rules) with { Members = Halves(signal, serving, draining) });

        (decision.Recommended, decision.Reason).ShouldBe((recommended, reason), decision.Message);
    }

    /// <summary>However much of a constant load is on draining members yet, a fleet at rest stays as it is: no rollout scales it in, then out.</summary>
    [Fact]
    public void Decide_LoadMovesFromDrainingToServing_TheCountStays()
    {
        var cases =
            from load in Gen.Choose(0, 4000)
            from moved in Gen.Choose(0, 100)
            from ownWork in Gen.Elements(true, false)
            select (load, moved, ownWork);
        Prop.ForAll(
                cases.ToArbitrary(),
                one =>
                {
                    var rules = Rules with
                    {
                        Targets = new Dictionary<string, double> { ["load"] = 100 },
                        OwnWork = one.ownWork ? new HashSet<string> { "load" } : new HashSet<string>(),
                    };
                    int Rest(int from, double served) =>
                        ScalingPolicy
                            .Decide(Input(from, 0, rules) with { Members = Halves("load", served, one.load - served) })
                            .Recommended;
                    var atRest = Rest(Rest(4, one.load), one.load);
                    return Rest(atRest, one.load * one.moved / 100.0) == atRest;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    private static List<MemberLoad> Halves(string signal, double serving, double draining) =>
        [
            .. new[] { (true, serving), (false, draining) }.SelectMany(half =>
                Enumerable
                    .Range(0, 4)
                    .Select(_ => new MemberLoad(half.Item1, 0, 1000)
                    {
                        Signals = new Dictionary<string, double> { [signal] = half.Item2 / 4 },
                    })
            ),
        ];

    [Fact]
    public void Decide_LargestCapacityAndCount_DoesNotOverflow()
    {
        var input = Input(1000, 0, Rules with { MaxReplicas = 1001, MinReplicas = 1 }) with
        {
            Members =
            [
                new MemberLoad(true, 2_000_000_000, 10_000_000),
                .. Enumerable.Repeat(new MemberLoad(true, 2_000_000_000, 10_000_000), 4),
            ],
            Memory = new(Now.AddMinutes(-1), null),
        };

        // 10,000 of 10,000 million are taken: it is full, whatever the cooldown; a product of whole numbers of 32 bits would be 1,410 million.
        ScalingPolicy.Decide(input).Reason.ShouldBe(ScalingReason.LoadHigh);
        // 9,000 are not: the cooldown holds.
        ScalingPolicy
            .Decide(input with { Members = [.. Enumerable.Repeat(new MemberLoad(true, 1_800_000_000, 10_000_000), 5)] })
            .Reason.ShouldBe(ScalingReason.Cooldown);
    }

    [Fact]
    public void Decide_CooldownUp_HoldsUnlessFull()
    {
        var memory = new ScalingMemory(Now.AddMinutes(-2), null);

        var held = ScalingPolicy.Decide(Input(4, 3500) with { Memory = memory });
        (held.Recommended, held.Reason, held.After).ShouldBe((4, ScalingReason.Cooldown, TimeSpan.FromMinutes(3)));
        ScalingPolicy.Decide(Input(4, 4000) with { Memory = memory }).Recommended.ShouldBe(5, "not a slot is free");
        ScalingPolicy.Decide(Input(4, 3500) with { Memory = new(Now.AddMinutes(-5), null) }).Recommended.ShouldBe(5);
    }

    [Fact]
    public void Decide_CooldownDown_AfterAnyChange()
    {
        ScalingPolicy.Decide(Input(4, 0) with { Memory = new(Now.AddMinutes(-9), null) }).Reason.ShouldBe(ScalingReason.Cooldown);
        ScalingPolicy.Decide(Input(4, 0) with { Memory = new(null, Now.AddMinutes(-9)) }).Reason.ShouldBe(ScalingReason.Cooldown);
        ScalingPolicy.Decide(Input(4, 0) with { Memory = new(Now.AddMinutes(-10), Now.AddMinutes(-20)) }).Recommended.ShouldBe(2);
    }

    [Fact]
    public void Decide_ClockWentBack_HoldsForOneCooldownAtMost()
    {
        var decision = ScalingPolicy.Decide(Input(4, 3500) with { Memory = new(Now.AddHours(5), null) });

        (decision.Reason, decision.After).ShouldBe((ScalingReason.Cooldown, TimeSpan.FromMinutes(5)));
    }

    [Fact]
    public void Decide_Pauses_Hold()
    {
        ScalingPolicy.Decide(Input(4, 0, Rules with { ScaleInPaused = true })).Recommended.ShouldBe(4);
        ScalingPolicy.Decide(Input(4, 3500, Rules with { ScaleInPaused = true })).Recommended.ShouldBe(5);
        ScalingPolicy.Decide(Input(4, 3500, Rules with { Paused = true })).Recommended.ShouldBe(4);
        ScalingPolicy.Decide(Input(1, 3500, Rules with { Paused = true })).Recommended.ShouldBe(1);
    }

    [Theory]
    [InlineData("2026-01-07T12:00:00Z", 6)]
    [InlineData("2026-01-07T07:59:59Z", 2)]
    [InlineData("2026-01-07T08:00:00Z", 6)]
    [InlineData("2026-01-07T20:00:00Z", 2)]
    [InlineData("2026-01-10T12:00:00Z", 2)]
    public void Decide_Schedule_RaisesTheMinimum(string now, int recommended)
    {
        var day = new ScheduleWindow("day", [DayOfWeek.Wednesday], new(8, 0), new(20, 0), TimeZoneInfo.Utc, 6);
        var input = Input(2, 0, Rules with { Schedules = [day] }) with { Now = DateTimeOffset.Parse(now) };

        var decision = ScalingPolicy.Decide(input);

        decision.Recommended.ShouldBe(recommended);
        decision.After.ShouldNotBeNull().ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromHours(12));
    }

    [Theory]
    [InlineData("2026-01-09T22:30:00Z", true)]
    [InlineData("2026-01-10T03:00:00Z", true)]
    [InlineData("2026-01-10T06:00:00Z", false)]
    [InlineData("2026-01-10T22:30:00Z", false)]
    public void IsOpen_OverMidnight_BelongsToTheDayOnWhichItBegins(string now, bool isOpen) =>
        new ScheduleWindow("night", [DayOfWeek.Friday], new(22, 0), new(6, 0), TimeZoneInfo.Utc, 6)
            .IsOpen(DateTimeOffset.Parse(now))
            .ShouldBe(isOpen);

    [Fact]
    public void IsOpen_ZoneWithSummerTime_FollowsItsClock()
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Zurich");
        var morning = new ScheduleWindow("morning", [DayOfWeek.Wednesday], new(8, 0), new(9, 0), zone, 6);

        morning.IsOpen(new(2026, 1, 7, 7, 30, 0, TimeSpan.Zero)).ShouldBeTrue();
        morning.IsOpen(new(2026, 7, 8, 6, 30, 0, TimeSpan.Zero)).ShouldBeTrue();
        morning.IsOpen(new(2026, 7, 8, 7, 30, 0, TimeSpan.Zero)).ShouldBeFalse();
    }

    [Theory]
    // The clock goes from 02:00 to 03:00 at 01:00 UTC; and back from 03:00 to 02:00, half a year later.
    [InlineData("2026-03-28T23:00:00Z", "06:00", "2026-03-29T04:00:00Z")]
    [InlineData("2026-03-29T00:50:30Z", "02:30", "2026-03-29T01:00:00Z")]
    [InlineData("2026-03-29T00:59:59Z", "03:00", "2026-03-29T01:00:00Z")]
    [InlineData("2026-03-29T01:00:00Z", "06:00", "2026-03-29T04:00:00Z")]
    [InlineData("2026-10-24T22:00:00Z", "06:00", "2026-10-25T05:00:00Z")]
    public void UntilChange_DayOnWhichTheClockIsSet_IsNotSlept(string now, string start, string opens)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Zurich");
        var window = new ScheduleWindow("day", Enum.GetValues<DayOfWeek>(), TimeOnly.Parse(start), new(20, 0), zone, 6);
        var at = DateTimeOffset.Parse(now);
        window.IsOpen(at).ShouldBeFalse();

        // As whoever looks again when it is told to.
        for (var looks = 0; !window.IsOpen(at); looks++)
        {
            looks.ShouldBeLessThan(3);
            at += window.UntilChange(at);
        }

        at.ShouldBe(DateTimeOffset.Parse(opens));
    }

    /// <summary>Whatever the load does, the count stays in its bounds; at a load that stays it comes to rest, and has slots for all where the maximum allows.</summary>
    [Fact]
    public void Decide_ConstantLoad_ComesToRestAndFits()
    {
        var cases =
            from connections in Gen.Choose(0, 30_000)
            from start in Gen.Choose(0, 30)
            from up in Gen.Choose(2, 100)
            from down in Gen.Choose(0, up - 1)
            from buffer in Gen.Choose(0, 3000)
            select (connections, start, up, down, buffer);
        Prop.ForAll(
                cases.ToArbitrary(),
                one =>
                {
                    var rules = Rules with
                    {
                        ScaleUpThresholdPercent = one.up,
                        ScaleDownThresholdPercent = one.down,
                        BufferConnections = one.buffer,
                        ScaleUpCooldown = TimeSpan.Zero,
                        ScaleDownCooldown = TimeSpan.Zero,
                    };
                    var seen = new List<int> { one.start };
                    for (var i = 0; i < 6; i++)
                    {
                        seen.Add(ScalingPolicy.Decide(Input(seen[^1], one.connections, rules)).Recommended);
                    }

                    var last = seen[^1];
                    var fits =
                        last == 20 || (one.connections * 100L <= last * 1000L * one.up && one.connections + one.buffer <= last * 1000);
                    var turns = seen.Skip(1)
                        .Zip(seen.Skip(2), (before, after) => Math.Sign(after - before))
                        .Where(sign => sign != 0)
                        .Distinct()
                        .Count();
                    return seen[^2] == last && last is >= 2 and <= 20 && fits && turns <= 1;
                }
            )
            .QuickCheckThrowOnFailure();
    }

    private static ScalingInput Input(int current, int connections, ScalingRules? rules = null) =>
        new()
        {
            Now = Now,
            Rules = rules ?? Rules,
            Current = current,
            Members = Members(current, connections),
            AssumedCapacity = 1000,
        };

    private static List<MemberLoad> Members(int count, int connections) =>
        Enumerable
            .Range(0, count)
            .Select(i => new MemberLoad(true, (connections / count) + (i < connections % count ? 1 : 0), 1000))
            .ToList();
}
