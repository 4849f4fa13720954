using Mooring.Operator.Run.Troubles;

namespace Mooring.Operator.Tests.Run;

/// <summary>When a trouble is told, told again, and over.</summary>
public sealed class TroubleLedgerTests
{
    private static readonly DateTimeOffset Began = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private readonly TroubleLedger _ledger = new(new TroubleLimits());

    [Theory]
    [InlineData(2, "")]
    [InlineData(3, "ApiServerAway")]
    public void Unanswered_FromTheThirdOn_IsToldOnceThereIsAnAnswer(int count, string told)
    {
        for (var i = 0; i < count; i++)
        {
            _ledger.Unanswered(Seconds(i), "pods");
        }

        Decide(10).ShouldBeEmpty("nothing could be written");
        Answered(11, 0.1);

        Kinds(Decide(12)).ShouldBe(told);
    }

    [Fact]
    public void Unanswered_ForAnHour_IsToldWhenItIsOver_WithItsWholeLength()
    {
        for (var second = 0; second < 3600; second += 10)
        {
            _ledger.Unanswered(Seconds(second), "pods");
            Decide(second).ShouldBeEmpty();
        }

        Answered(3600, 0.1);

        Decide(3600).ShouldHaveSingleItem().Note.ShouldBe("360 requests without an answer since 03:04:05Z; within 60 s: 5 pods");
    }

    [Fact]
    public void Unanswered_AmidAnswers_IsToldAllTheSame()
    {
        for (var second = 0; second < 10; second++)
        {
            Answered(second, 0.1);
            _ledger.Unanswered(Seconds(second + 0.5), "pods");
        }

        Kinds(Decide(10)).ShouldBe("ApiServerAway");
    }

    [Theory]
    [InlineData(3, 0, "")] // too few to say
    [InlineData(4, 0, "ApiServerSlow")]
    [InlineData(10, 10, "")] // half: the median is not slow
    [InlineData(10, 9, "ApiServerSlow")]
    [InlineData(1000, 5000, "")]
    public void Slow_WhereMoreThanHalfOfTheRequestsAre(int slow, int quick, string told)
    {
        for (var i = 0; i < slow; i++)
        {
            Answered(i * 0.01, 1.5);
        }

        for (var i = 0; i < quick; i++)
        {
            Answered(i * 0.01, 0.5);
        }

        Kinds(Decide(50)).ShouldBe(told);
    }

    [Fact]
    public void Slow_SaysHowMuch()
    {
        for (var i = 0; i < 5; i++)
        {
            Answered(i, 2.34, i == 0 ? "pods" : "leases.coordination.k8s.io");
        }

        Decide(5)
            .ShouldHaveSingleItem()
            .Note.ShouldBe(
                "5 of 5 requests within 60 s took more than 1 s (the last 2.3 s), since 03:04:05Z: 4 leases.coordination.k8s.io, 1 pods"
            );
    }

    [Fact]
    public void Slow_AWatchThatBeginsLate_SaysNothing()
    {
        for (var i = 0; i < 20; i++)
        {
            _ledger.Answered(Seconds(i), "pods", Seconds(5), isWatch: true);
        }

        Decide(20).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("connection", 300, 3, "")]
    [InlineData("connection", 300, 4, "WatchesCut")]
    [InlineData("idle", 90, 4, "WatchesCut")]
    [InlineData("server", 2, 4, "WatchesCut")]
    [InlineData("server", 59, 4, "WatchesCut")]
    [InlineData("server", 60, 40, "")] // their time was up
    [InlineData("expired", 2, 1, "WatchesExpired")]
    [InlineData("expired", 300, 1, "WatchesExpired")]
    public void Watches_ByHowAndHowOftenTheyEnd(string how, double lived, int count, string told)
    {
        for (var i = 0; i < count; i++)
        {
            _ledger.WatchEnded(Seconds(i), "pods", how, Seconds(lived));
        }

        Kinds(Decide(40)).ShouldBe(told);
    }

    [Fact]
    public void Watches_EachOfManyCutOnce_AsByAServerThatIsRolledOut_IsNoTrouble()
    {
        for (var i = 0; i < 20; i++)
        {
            _ledger.WatchEnded(Seconds(1), $"kind{i}", "connection", Seconds(100));
        }

        Decide(2).ShouldBeEmpty();
    }

    [Fact]
    public void Watches_CutEveryFewMinutes_IsNoTrouble()
    {
        for (var second = 0; second < 36_000; second += 100)
        {
            _ledger.WatchEnded(Seconds(second), "pods", "connection", Seconds(100));
            Decide(second).ShouldBeEmpty();
        }
    }

    [Fact]
    public void Watches_CutForAnHour_AreToldEveryTenMinutes_AndOnceWhenItIsOver()
    {
        var told = new List<(int Second, TroubleNews News)>();
        for (var second = 0; second < 4500; second++)
        {
            if (second < 3600 && second % 5 == 0)
            {
                _ledger.WatchEnded(Seconds(second), "pods", "connection", Seconds(4));
            }

            told.AddRange(Decide(second).Select(news => (second, news)));
        }

        told.Select(static one => (one.Second, one.News.IsOver))
            .ShouldBe([(15, false), (615, false), (1215, false), (1815, false), (2415, false), (3015, false), (3615, false), (3715, true)]);
        told[0].News.Note.ShouldBe("4 watches cut since 03:04:05Z (the last: connection, after 4 s); within 60 s: 4 pods");
        told[^1].News.Note.ShouldBe("over: 720 from 03:04:05Z to 04:04:00Z");
    }

    [Fact]
    public void Trouble_ThatComesAndGoes_IsToldOnceInTenMinutes()
    {
        var told = 0;
        for (var second = 0; second < 3600; second++)
        {
            // A minute of it, four minutes without.
            if (second % 300 < 60 && second % 5 == 0)
            {
                _ledger.WatchEnded(Seconds(second), "pods", "connection", Seconds(4));
            }

            told += Decide(second).Count(static news => !news.IsOver);
        }

        told.ShouldBeInRange(4, 6);
    }

    [Theory]
    [InlineData(2, "")]
    [InlineData(-2, "")]
    [InlineData(3, "ClockJumped")]
    [InlineData(86_400, "ClockJumped")]
    [InlineData(-3, "ClockJumped")]
    [InlineData(-86_400, "ClockJumped")]
    public void Clock_SetByMoreThanAFewSeconds(double by, string told)
    {
        Decide(0).ShouldBeEmpty();
        Decide(1).ShouldBeEmpty();

        Kinds(_ledger.Decide(Seconds(2), Began.AddSeconds(2 + by))).ShouldBe(told);
        // That is what the time is from now on; nothing comes of its being over.
        for (var second = 3; second < 1000; second++)
        {
            _ledger.Decide(Seconds(second), Began.AddSeconds(second + by)).ShouldBeEmpty();
        }
    }

    [Fact]
    public void Clock_ThatRunsALittleFast_OrAProcessThatWasStopped_IsNoTrouble()
    {
        for (var second = 0; second < 36_000; second++)
        {
            _ledger.Decide(Seconds(second), Began.AddSeconds(second * 1.001)).ShouldBeEmpty();
        }

        _ledger.Decide(Seconds(40_000), Began.AddSeconds(36_000 * 1.001).AddSeconds(4000)).ShouldBeEmpty();
    }

    [Fact]
    public void SlowOnesNowAndThen_DoNotKeepItSlow()
    {
        for (var i = 0; i < 5; i++)
        {
            Answered(i, 2);
        }

        Kinds(Decide(5)).ShouldBe("ApiServerSlow");
        var over = new List<TroubleNews>();
        for (var second = 6; second < 400; second++)
        {
            Answered(second, second % 10 == 0 ? 2 : 0.1);
            over.AddRange(Decide(second));
        }

        over.ShouldHaveSingleItem().IsOver.ShouldBeTrue();
    }

    [Fact]
    public void Memory_IsBounded_WhateverResourcesThereAre()
    {
        var record = new TroubleRecord(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 10_000; i++)
        {
            record.Note(Seconds(1), $"kind{i}", "");
        }

        var counts = record.Counts(Seconds(1));
        counts.Count.ShouldBe(33);
        counts.Sum(static pair => pair.Count).ShouldBe(10_000);
        counts[0].ShouldBe(("others", 10_000 - 32));
    }

    [Theory]
    [InlineData(0, 59, 1)]
    [InlineData(0, 54, 1)]
    [InlineData(0, 60, 0)]
    [InlineData(0, 100_000, 0)]
    public void Count_ForgetsAfterItsWindow(double at, double now, long count)
    {
        var window = new SlidingCount(TimeSpan.FromMinutes(1));
        window.Add(Seconds(at));
        window.Count(Seconds(now)).ShouldBe(count);
    }

    private void Answered(double at, double took, string request = "pods") =>
        _ledger.Answered(Seconds(at), request, Seconds(took), isWatch: false);

    private IReadOnlyList<TroubleNews> Decide(double at) => _ledger.Decide(Seconds(at), Began.AddSeconds(at));

    private static string Kinds(IReadOnlyList<TroubleNews> news) => string.Join(' ', news.Select(static one => one.Kind));

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
