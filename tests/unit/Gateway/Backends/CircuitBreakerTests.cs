using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Backends;

namespace Mooring.Gateway.Tests.Backends;

public sealed class CircuitBreakerTests
{
    private const long Second = 1_000_000;

    // The defaults: 5 failures, 2 successes, 10 s, 60 s.
    private static readonly BreakerLimits Limits = new(5, 2, 10 * Second, 60 * Second);

    [Fact]
    public void Fail_ThresholdInARow_OpensForTheResetTime()
    {
        var breaker = default(CircuitBreaker);
        for (var i = 0; i < 4; i++)
        {
            breaker.Fail(i, Limits).ShouldBeFalse();
        }

        breaker.TryEnter(4, Limits).ShouldBeTrue();
        breaker.Fail(5, Limits).ShouldBeTrue();
        breaker.Phase(5, Limits).ShouldBe(BreakerPhase.Open);
        breaker.TryEnter((60 * Second) + 4, Limits).ShouldBeFalse();
        breaker.Phase((60 * Second) + 5, Limits).ShouldBe(BreakerPhase.HalfOpen);
    }

    [Fact]
    public void Succeed_BetweenFailures_StartsTheCountAgain()
    {
        var breaker = default(CircuitBreaker);
        for (var i = 0; i < 40; i++)
        {
            breaker.Fail(i, Limits).ShouldBeFalse();
            if (i % 4 == 3)
            {
                breaker.Succeed(Limits).ShouldBeFalse();
            }
        }

        breaker.Phase(100, Limits).ShouldBe(BreakerPhase.Closed);
    }

    [Fact]
    public void HalfOpen_LetsThroughAsManyTrialsAsSuccessesAreNeeded()
    {
        var breaker = Opened(0);
        breaker.TryEnter(60 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter(60 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter(60 * Second, Limits).ShouldBeFalse();
        breaker.Succeed(Limits).ShouldBeFalse();
        // One success and one trial under way: as many as are needed.
        breaker.TryEnter(61 * Second, Limits).ShouldBeFalse();
        breaker.Succeed(Limits).ShouldBeTrue();
        breaker.IsClean.ShouldBeTrue();
    }

    [Fact]
    public void HalfOpen_FewerSuccessesAreNeededThanThereWere_OneMoreTrialCloses()
    {
        var breaker = Opened(0);
        var more = Limits with { SuccessThreshold = 5 };
        for (var i = 0; i < 3; i++)
        {
            breaker.TryEnter(60 * Second, more).ShouldBeTrue();
            breaker.Succeed(more).ShouldBeFalse();
        }

        // A reload: three successes there were, two are needed.
        breaker.WouldPass(61 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter(61 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter(61 * Second, Limits).ShouldBeFalse("its result is awaited");
        breaker.Succeed(Limits).ShouldBeTrue();
        breaker.IsClean.ShouldBeTrue();
    }

    [Fact]
    public void HalfOpen_TrialFails_OpensAgainForTheWholeTime()
    {
        var breaker = Opened(0);
        breaker.TryEnter(60 * Second, Limits).ShouldBeTrue();
        breaker.Fail(61 * Second, Limits).ShouldBeTrue();
        breaker.Phase(120 * Second, Limits).ShouldBe(BreakerPhase.Open);
        breaker.Phase(121 * Second, Limits).ShouldBe(BreakerPhase.HalfOpen);
    }

    [Fact]
    public void HalfOpen_TrialsWithoutResult_GiveTheirPlacesBackAfterTheTimeout()
    {
        var breaker = Opened(0);
        breaker.TryEnter(60 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter(60 * Second, Limits).ShouldBeTrue();
        breaker.TryEnter((70 * Second) - 1, Limits).ShouldBeFalse();
        breaker.TryEnter(70 * Second, Limits).ShouldBeTrue();
    }

    [Fact]
    public void Open_LateResults_ChangeNothing()
    {
        var breaker = Opened(0);
        breaker.Succeed(Limits).ShouldBeFalse();
        breaker.Fail(30 * Second, Limits).ShouldBeFalse();
        breaker.Phase((60 * Second) - 1, Limits).ShouldBe(BreakerPhase.Open);
        breaker.Phase(60 * Second, Limits).ShouldBe(BreakerPhase.HalfOpen);
    }

    [Fact]
    public void AnyHistory_KeepsTheRules() =>
        Prop.ForAll(
                Gen.Zip(Gen.Choose(0, 3), Gen.Choose(0, 30)).ArrayOf().ToArbitrary(),
                steps =>
                {
                    var breaker = default(CircuitBreaker);
                    var (now, inRow, openedAt) = (0L, 0, long.MinValue);
                    foreach (var (kind, seconds) in steps)
                    {
                        now += seconds * Second;
                        var before = breaker.Phase(now, Limits);
                        switch (kind)
                        {
                            case 0 or 1:
                                var opened = breaker.Fail(now, Limits);
                                inRow = before == BreakerPhase.Closed ? inRow + 1 : 0;
                                openedAt = opened ? now : openedAt;
                                // Opens by a fifth failure in a row, or by any while trials run.
                                if (opened && before == BreakerPhase.Closed && inRow != 5)
                                {
                                    return false;
                                }

                                break;
                            case 2:
                                _ = breaker.Succeed(Limits);
                                inRow = 0;
                                break;
                            default:
                                // While open nothing passes; once closed everything does.
                                var passed = breaker.TryEnter(now, Limits);
                                if (passed ? now - openedAt < 60 * Second && before != BreakerPhase.Closed : before == BreakerPhase.Closed)
                                {
                                    return false;
                                }

                                break;
                        }
                    }

                    return true;
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void State_CountsForTheStatistics()
    {
        var state = new BreakerState(Limits);
        state.Read(0).State.ShouldBe(BreakerStateName.Closed);
        for (var i = 0; i < 5; i++)
        {
            state.Fail(Second);
        }

        state.WouldPass(2 * Second).ShouldBeFalse();
        state.CountRejection();
        state
            .Read(11 * Second)
            .ShouldBe(
                new BreakerLoad
                {
                    State = BreakerStateName.Open,
                    FailuresTotal = 5,
                    OpenedTotal = 1,
                    RejectedTotal = 1,
                    SecondsSinceChange = 10,
                }
            );
        state.TryEnter(61 * Second).ShouldBeTrue();
        state.Read(61 * Second).State.ShouldBe(BreakerStateName.HalfOpen);
        state.Succeed(61 * Second).ShouldBeFalse();
        state.Succeed(62 * Second).ShouldBeTrue();
        state.IsClean.ShouldBeTrue();
    }

    private static CircuitBreaker Opened(long now)
    {
        var breaker = default(CircuitBreaker);
        for (var i = 0; i < 5; i++)
        {
            breaker.Fail(now, Limits);
        }

        return breaker;
    }
}
