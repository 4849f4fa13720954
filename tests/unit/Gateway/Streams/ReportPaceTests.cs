using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tests.Streams;

public sealed class ReportPaceTests
{
    private static readonly ReportMessage Report = new()
    {
        State = GatewayState.Serving,
        Connections = 3,
        Capacity = 100,
        ResidentBytes = 60_000_000,
        CpuSeconds = 5,
        Listeners = [new ListenerLoad { Name = "echo", AcceptedTotal = 7 }],
    };

    private readonly ReportPace _pace = new(StreamLimits.ShortQuietReportInterval);

    [Fact]
    public void Take_NothingNew_IsSentSeldom()
    {
        var pace = new ReportPace(StreamLimits.QuietReportInterval);

        Enumerable.Range(0, 7).Where(turn => _pace.Take(Report, At(turn * 10))).ShouldBe([0, 2, 4, 6]);
        Enumerable.Range(0, 14).Where(turn => pace.Take(Report, At(turn * 10))).ShouldBe([0, 6, 12]);
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData("soon", 20)]
    [InlineData("-5", 20)]
    [InlineData("99999999999", 20)]
    [InlineData("0", 20)]
    [InlineData("35", 20)]
    [InlineData("50", 35)]
    [InlineData("75", 60)]
    [InlineData("2147483647", 60)]
    public void QuietInterval_IsWhatTheOperatorBears(string? said, int seconds) =>
        StreamLimits.QuietInterval(said).ShouldBe(TimeSpan.FromSeconds(seconds));

    public static TheoryData<string, ReportMessage> News =>
        new()
        {
            { "state", Report with { State = GatewayState.Draining } },
            { "connections", Report with { Connections = 4 } },
            { "a total", Report with { Listeners = [new ListenerLoad { Name = "echo", AcceptedTotal = 8 }] } },
            { "a problem", Report with { Problems = ["a certificate is too old"] } },
            { "CPU", Report with { CpuSeconds = 5.4 } },
        };

    [Theory]
    [MemberData(nameof(News))]
    public void Take_News_IsSent(string what, ReportMessage news)
    {
        _pace.Take(Report, At(0)).ShouldBeTrue();
        _pace.Take(Report, At(10)).ShouldBeFalse();

        _pace.Take(news, At(15)).ShouldBeTrue(what);
        _pace.Take(news, At(25)).ShouldBeFalse("it is no news any more");
    }

    [Fact]
    public void Take_MemoryAndALittleCpu_AreNoNews()
    {
        _pace.Take(Report, At(0)).ShouldBeTrue();

        _pace.Take(Report with { ResidentBytes = 90_000_000, CpuSeconds = 5.19 }, At(10)).ShouldBeFalse();
    }

    [Fact]
    public void Take_OperatorHasSpoken_IsSentForAWhile()
    {
        _pace.Take(Report, At(0)).ShouldBeTrue();
        _pace.SpokenTo(At(5));

        _pace.Take(Report, At(10)).ShouldBeTrue();
        _pace.Take(Report, At(20)).ShouldBeTrue();
        _pace.Take(Report, At(30)).ShouldBeTrue();
        _pace.Take(Report, At(40)).ShouldBeFalse();
        _pace.Take(Report, At(50)).ShouldBeTrue();
    }

    private static TimeSpan At(int seconds) => TimeSpan.FromSeconds(seconds);
}
