using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Draining;

namespace Mooring.Gateway.Tests.Draining;

public sealed class DrainPlannerTests
{
    private static readonly DateTimeOffset Wall = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero);

    private static readonly DrainConfig Config = new()
    {
        LameDuck = TimeSpan.FromSeconds(10),
        Deadline = TimeSpan.FromSeconds(60),
        ClosesPerSecond = 100,
        Jitter = TimeSpan.Zero,
    };

    private static readonly DrainCounts Some = new(1000, 800, 0);

    private readonly DrainPlanner _planner = new(Config, new Random(1));

    [Fact]
    public void Step_Fresh_Serves() => Step(0).ShouldBe(new DrainDecision(GatewayState.Serving, true, true, 0, false));

    [Fact]
    public void Cordon_FailsReadinessAtOnce_RefusesAfterLameDuck()
    {
        Apply(DirectiveKind.Cordon, 1).ShouldBe(DirectiveOutcome.Accepted);

        Step(0).ShouldBe(new DrainDecision(GatewayState.Cordoned, false, true, 0, false));
        Step(9.99).AcceptNew.ShouldBeTrue();
        Step(10).ShouldBe(new DrainDecision(GatewayState.Cordoned, false, false, 0, false));
        Step(10_000).State.ShouldBe(GatewayState.Cordoned);
    }

    [Fact]
    public void Drain_GoesThroughItsStages()
    {
        Apply(DirectiveKind.Drain, 1);

        Step(0).ShouldBe(new DrainDecision(GatewayState.Draining, false, true, 0, false));
        Step(9.9).CloseNow.ShouldBe(0);
        Step(10).CloseNow.ShouldBeGreaterThan(0);
        Step(10).AcceptNew.ShouldBeFalse();
        Step(59.9).CloseAll.ShouldBeFalse();
        Step(60).ShouldBe(new DrainDecision(GatewayState.Draining, false, false, 0, true));
        Step(61, default).State.ShouldBe(GatewayState.Drained);
    }

    [Fact]
    public void Drain_NothingOpen_IsDrainedOnceNothingIsAccepted()
    {
        Apply(DirectiveKind.Drain, 1);

        Step(5, default).State.ShouldBe(GatewayState.Draining);
        Step(10, default).State.ShouldBe(GatewayState.Drained);
    }

    [Fact]
    public void Drain_ClosesAtThePace()
    {
        Apply(DirectiveKind.Drain, 1);
        var closed = CloseFor(from: 10, to: 15, Some);

        // 5 s at 100/s, and at most a burst of a tenth of a second more.
        closed.ShouldBeInRange(440, 500);
    }

    [Fact]
    public void Drain_DirectivesPace_OverridesTheConfigs()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { ClosesPerSecond = 20 });

        CloseFor(from: 10, to: 15, Some).ShouldBeInRange(88, 100);
    }

    [Fact]
    public void Drain_StalledProcess_DoesNotCatchUpInOneBurst()
    {
        Apply(DirectiveKind.Drain, 1);
        Step(10);

        Step(40).CloseNow.ShouldBeLessThanOrEqualTo(11);
    }

    [Fact]
    public void Drain_Jitter_SpreadsTheSameNumber()
    {
        var planner = new DrainPlanner(Config with { LameDuck = TimeSpan.Zero, Jitter = TimeSpan.FromSeconds(5) }, new Random(7));
        planner.Apply(Directive(DirectiveKind.Drain, 1), TimeSpan.Zero, Wall);
        var perSecond = new int[12];
        var left = 500;
        for (var i = 0; i < 1200; i++)
        {
            var count = planner.Step(TimeSpan.FromSeconds(i / 100.0), new DrainCounts(left, left, 0)).CloseNow;
            perSecond[i / 100] += count;
            left -= count;
        }

        left.ShouldBe(0);
        perSecond[0].ShouldBeLessThan(40);
        perSecond[5..].Sum().ShouldBeGreaterThan(100);
    }

    [Fact]
    public void Drain_NeverClosesMoreThanThereAre()
    {
        Apply(DirectiveKind.Drain, 1);

        CloseFor(from: 10, to: 20, new DrainCounts(3, 3, 0)).ShouldBe(3);
    }

    [Fact]
    public void Drain_AfterCordon_DoesNotWaitAgain()
    {
        Apply(DirectiveKind.Cordon, 1);
        Step(20);
        Apply(DirectiveKind.Drain, 2, at: 20);

        Step(20).AcceptNew.ShouldBeFalse();
        Step(20.5).CloseNow.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void Drain_DirectivesDeadline_IsOnTheWall()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { Deadline = Wall + TimeSpan.FromSeconds(15) });

        Step(14.9).CloseAll.ShouldBeFalse();
        Step(15).CloseAll.ShouldBeTrue();
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(-3600)]
    public void Drain_WallClockIsSet_TheDeadlineStaysWhereItWas(int seconds)
    {
        var drain = Directive(DirectiveKind.Drain, 1) with { Deadline = Wall + TimeSpan.FromSeconds(30) };
        _planner.Apply(drain, TimeSpan.Zero, Wall);

        // Another pace, and then a renewal: each is a directive of its own.
        var set = Wall + TimeSpan.FromSeconds(seconds);
        _planner.Apply(drain with { Sequence = 2, ClosesPerSecond = 20 }, TimeSpan.FromSeconds(5), set);
        _planner.Apply(drain with { Sequence = 3 }, TimeSpan.FromSeconds(12), set);

        Step(29.9).CloseAll.ShouldBeFalse();
        Step(30).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Drain_WhatRemains_GoesBeforeClocksThatDiffer()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { Deadline = Wall - TimeSpan.FromHours(1), Remaining = TimeSpan.FromSeconds(30) });

        Step(29.9).CloseAll.ShouldBeFalse();
        Step(30).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Drain_AnotherDeadline_IsTaken()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { Deadline = Wall + TimeSpan.FromSeconds(30), Remaining = TimeSpan.FromSeconds(30) });
        Apply(
            DirectiveKind.Drain,
            2,
            d => d with { Deadline = Wall + TimeSpan.FromSeconds(50), Remaining = TimeSpan.FromSeconds(40) },
            at: 10
        );

        Step(49.9).CloseAll.ShouldBeFalse();
        Step(50).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Drain_TakenUpAgainAfterItsLifeRanOut_HasTheDeadlineItHad()
    {
        var drain = Directive(DirectiveKind.Drain, 1) with
        {
            Deadline = Wall + TimeSpan.FromSeconds(40),
            TimeToLive = TimeSpan.FromSeconds(10),
        };
        _planner.Apply(drain, TimeSpan.Zero, Wall);
        Step(20).State.ShouldBe(GatewayState.Serving);

        _planner.Apply(drain with { Sequence = 2, TimeToLive = null }, TimeSpan.FromSeconds(25), Wall + TimeSpan.FromHours(2));

        Step(39.9).CloseAll.ShouldBeFalse();
        Step(40).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Serve_TakesADrainBack()
    {
        Apply(DirectiveKind.Drain, 1);
        Step(20);
        Apply(DirectiveKind.Serve, 2, at: 20).ShouldBe(DirectiveOutcome.Accepted);

        Step(20).ShouldBe(new DrainDecision(GatewayState.Serving, true, true, 0, false));
        _planner.Deadline.ShouldBeNull();
    }

    [Theory]
    [InlineData(5, 4, 5, 5, DirectiveOutcome.Accepted)]
    [InlineData(5, 4, 6, 1, DirectiveOutcome.Accepted)]
    [InlineData(5, 4, 5, 3, DirectiveOutcome.Stale)]
    [InlineData(5, 4, 4, 9, DirectiveOutcome.Stale)]
    public void Apply_Fence_RejectsTheOvertaken(long epoch, long sequence, long nextEpoch, long nextSequence, object expected)
    {
        _planner.Apply(Directive(DirectiveKind.Cordon, sequence) with { Epoch = epoch }, default, Wall);

        _planner
            .Apply(Directive(DirectiveKind.Serve, nextSequence) with { Epoch = nextEpoch }, default, Wall)
            .ShouldBe((DirectiveOutcome)expected);
        Step(0).State.ShouldBe((DirectiveOutcome)expected == DirectiveOutcome.Stale ? GatewayState.Cordoned : GatewayState.Serving);
    }

    [Fact]
    public void Apply_Repeated_ChangesNothingButItsLife()
    {
        var directive = Directive(DirectiveKind.Drain, 1) with { TimeToLive = TimeSpan.FromSeconds(20) };
        _planner.Apply(directive, TimeSpan.Zero, Wall);
        _planner.Apply(directive, TimeSpan.FromSeconds(15), Wall).ShouldBe(DirectiveOutcome.Repeated);

        Step(15).AcceptNew.ShouldBeFalse();
        Step(34).State.ShouldBe(GatewayState.Draining);
        Step(35).State.ShouldBe(GatewayState.Serving);
        _planner.Fence.ShouldBe((0, 1));
        _planner.Apply(directive, TimeSpan.FromSeconds(40), Wall).ShouldBe(DirectiveOutcome.Accepted);
    }

    [Fact]
    public void Apply_Repeated_DeadlineStays()
    {
        Apply(DirectiveKind.Drain, 1);
        Apply(DirectiveKind.Drain, 1, at: 50);

        Step(60).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Shed_ClosesDownToTheTargetOnce()
    {
        Apply(DirectiveKind.Shed, 1, d => d with { TargetConnections = 950 });
        var closed = 0;
        for (var i = 0; i < 500; i++)
        {
            // The peers take their time: what was closed lingers for the whole test.
            var decision = Step(i / 100.0, new DrainCounts(1000, 800 - closed, closed));
            decision.State.ShouldBe(GatewayState.Serving);
            decision.AcceptNew.ShouldBeTrue();
            closed += decision.CloseNow;
        }

        closed.ShouldBe(50);
        Step(6, new DrainCounts(940, 800, 0));
        Step(7, new DrainCounts(2000, 800, 0)).CloseNow.ShouldBe(0);
    }

    [Fact]
    public void Terminate_CannotBeTakenBack()
    {
        _planner.Terminate(TimeSpan.Zero);

        Apply(DirectiveKind.Serve, 1).ShouldBe(DirectiveOutcome.Terminating);
        Apply(DirectiveKind.Cordon, 2).ShouldBe(DirectiveOutcome.Terminating);
        _planner.Reason.ShouldBe("shutdown");
        Step(1).State.ShouldBe(GatewayState.Draining);
        Step(60).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Terminate_OperatorMayPaceButNotPutOff()
    {
        _planner.Terminate(TimeSpan.Zero);
        Apply(
            DirectiveKind.Drain,
            1,
            d => d with { ClosesPerSecond = 20, Deadline = Wall + TimeSpan.FromHours(1), TimeToLive = TimeSpan.FromSeconds(1) }
        );

        CloseFor(from: 10, to: 15, Some).ShouldBeInRange(88, 100);
        Step(60).CloseAll.ShouldBeTrue();
    }

    [Fact]
    public void Terminate_ToldToWaitByAnOperatorThatIsGone_GoesOnAtItsOwnPace()
    {
        _planner.Terminate(TimeSpan.Zero);
        Apply(DirectiveKind.Drain, 1, d => d with { ClosesPerSecond = 0.0001, TimeToLive = TimeSpan.FromSeconds(20) });

        CloseFor(from: 10, to: 20, Some).ShouldBe(0);
        CloseFor(from: 20, to: 25, Some).ShouldBeInRange(440, 500);
    }

    [Fact]
    public void Terminate_WhileItWaitsForItsTurnAndTheOperatorGoes_GoesOnAtItsOwnPace()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { ClosesPerSecond = 0.0001, TimeToLive = TimeSpan.FromSeconds(20) });
        _planner.Terminate(TimeSpan.FromSeconds(5));

        CloseFor(from: 10, to: 20, Some).ShouldBe(0);
        CloseFor(from: 20, to: 25, Some).ShouldBeInRange(440, 500);
    }

    [Fact]
    public void Terminate_DuringADrain_KeepsTheSoonerDeadline()
    {
        Apply(DirectiveKind.Drain, 1);
        _planner.Terminate(TimeSpan.FromSeconds(30));

        _planner.Deadline.ShouldBe(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void Drain_LongAfterItsCordon_HasTheWholeDeadline()
    {
        Apply(DirectiveKind.Cordon, 1);
        Step(3600).State.ShouldBe(GatewayState.Cordoned);
        Apply(DirectiveKind.Drain, 2, at: 3600);

        // The lame-duck time was the cordon's, the deadline is the drain's.
        _planner.Deadline.ShouldBe(TimeSpan.FromSeconds(3660));
        Step(3601).ShouldSatisfyAllConditions(step => step.CloseAll.ShouldBeFalse(), step => step.AcceptNew.ShouldBeFalse());

        // A repetition does not put it off.
        Apply(DirectiveKind.Drain, 2, at: 3630).ShouldBe(DirectiveOutcome.Repeated);
        _planner.Deadline.ShouldBe(TimeSpan.FromSeconds(3660));
    }

    [Fact]
    public void Apply_OutOfRange_IsInvalid()
    {
        Apply(DirectiveKind.Drain, 1, d => d with { ClosesPerSecond = double.NaN }).ShouldBe(DirectiveOutcome.Invalid);
        Apply(DirectiveKind.Drain, 1, d => d with { ClosesPerSecond = -1 }).ShouldBe(DirectiveOutcome.Invalid);
        Apply(DirectiveKind.Cordon, 1, d => d with { TimeToLive = TimeSpan.Zero }).ShouldBe(DirectiveOutcome.Invalid);
        Apply(DirectiveKind.Shed, 1).ShouldBe(DirectiveOutcome.Invalid);
        Apply(DirectiveKind.Shed, 1, d => d with { TargetConnections = -1 }).ShouldBe(DirectiveOutcome.Invalid);
        Apply((DirectiveKind)9, 1).ShouldBe(DirectiveOutcome.Invalid);
        Step(0).State.ShouldBe(GatewayState.Serving);
    }

    [Fact]
    public void Gone_AreClosedAtTheConfigsPace_AfterANotice()
    {
        _planner.Clears = true;
        _planner.IsIdle.ShouldBeFalse();
        Step(0, Gone(500)).ShouldBe(new DrainDecision(GatewayState.Serving, true, true, 0, false));

        // The operator hears of it before it begins.
        _planner.Pace.ShouldBe(100);
        CloseGone(0, 2, 500).ShouldBe(0);
        CloseGone(2, 3, 500).ShouldBeInRange(80, 100);
        CloseGone(3, 4, 400).ShouldBeInRange(80, 100);

        Step(4, Gone(0)).CloseNow.ShouldBe(0);
        _planner.Pace.ShouldBe(0);
        _planner.Clears = false;
        _planner.IsIdle.ShouldBeTrue();
    }

    [Fact]
    public void Gone_AreClosedByACordonedGatewayToo()
    {
        Apply(DirectiveKind.Cordon, 1);
        _planner.Clears = true;
        CloseGone(0, 3, 500).ShouldBeInRange(80, 100);
        Step(3, Gone(400)).State.ShouldBe(GatewayState.Cordoned);
    }

    /// <summary>Whatever happens meanwhile: a shed, a drain, another pace.</summary>
    [Fact]
    public void Gone_AndADrain_TogetherKeepThePace()
    {
        _planner.Clears = true;
        var closes = new List<double>();
        for (var at = 0.0; at < 30; at += 0.01)
        {
            if (Math.Abs(at - 4) < 0.001)
            {
                Apply(DirectiveKind.Shed, 1, d => d with { TargetConnections = 1000, ClosesPerSecond = 100 }, at);
            }

            if (Math.Abs(at - 8) < 0.001)
            {
                Apply(DirectiveKind.Drain, 2, at: at);
            }

            var left = 3000 - closes.Count;
            closes.AddRange(Enumerable.Repeat(at, Step(at, new DrainCounts(left, left, 0, Math.Max(0, 2000 - closes.Count))).CloseNow));
        }

        closes.Count.ShouldBeGreaterThan(2000);
        for (var i = 100; i < closes.Count; i++)
        {
            (closes[i] - closes[i - 100]).ShouldBeGreaterThan(0.985, $"101 closes in the second from {closes[i - 100]:f2}");
        }
    }

    private static DrainCounts Gone(int count) => new(1000, 800, 0, count);

    private int CloseGone(double from, double to, int count)
    {
        var closed = 0;
        for (var at = from; at < to; at += 0.01)
        {
            closed += Step(at, Gone(count - closed)).CloseNow;
        }

        return closed;
    }

    private static DirectiveMessage Directive(DirectiveKind kind, long sequence) =>
        new()
        {
            Kind = kind,
            Epoch = 0,
            Sequence = sequence,
            Reason = "test",
        };

    private DirectiveOutcome Apply(
        DirectiveKind kind,
        long sequence,
        Func<DirectiveMessage, DirectiveMessage>? change = null,
        double at = 0
    ) => _planner.Apply((change ?? (d => d))(Directive(kind, sequence)), TimeSpan.FromSeconds(at), Wall + TimeSpan.FromSeconds(at));

    private DrainDecision Step(double seconds) => Step(seconds, Some);

    private DrainDecision Step(double seconds, DrainCounts counts) => _planner.Step(TimeSpan.FromSeconds(seconds), counts);

    private int CloseFor(double from, double to, DrainCounts counts)
    {
        var closed = 0;
        for (var at = from; at < to; at += 0.01)
        {
            closed += Step(at, counts with { Closable = counts.Closable - closed, Open = counts.Open - closed }).CloseNow;
        }

        return closed;
    }
}
