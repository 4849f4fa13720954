using System.Text.Json;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Tests;

public sealed class ReportTests
{
    private static readonly Goal Bulk = Goal.All(Goal.Relative(0.9, "haproxy"), Goal.Relative(0.45, "nginx"));

    [Fact]
    public void From_BothPeers_RatioIsToTheBest()
    {
        var row = Row(ours: 0.2, haproxy: 0.25, nginx: 0.5);
        row.Ratio.ShouldBe(0.8);
        row.Goal.ShouldBe("≤ 0.9× haproxy, ≤ 0.45× nginx");
        row.Met.ShouldBe(true);
    }

    [Theory]
    [InlineData(0.24, false)]
    [InlineData(0.225, true)]
    public void From_AgainstBothGoals_NeedsBoth(double ours, bool met) => Row(ours, haproxy: 0.25, nginx: 0.6).Met.ShouldBe(met);

    [Fact]
    public void From_PeerOfTheGoalMissing_LeavesMetOpen() => Row(ours: 0.1, haproxy: 0.25, nginx: null).Met.ShouldBeNull();

    [Fact]
    public void From_PeerMissingButOtherGoalMissed_IsNotMet() => Row(ours: 0.3, haproxy: 0.25, nginx: null).Met.ShouldBe(false);

    [Fact]
    public void From_OursMissing_HasNoRatio()
    {
        var row = Row(ours: null, haproxy: 0.25, nginx: 0.5);
        row.Ours.ShouldBeNull();
        row.Ratio.ShouldBeNull();
        row.Met.ShouldBeNull();
    }

    [Fact]
    public void From_NoPeers_ComparesOnlyAbsolutely()
    {
        var values = new Dictionary<string, double> { ["mooring"] = 100 };
        var row = ReportRow.From("memory", "B", values, "mooring", Goal.Absolute(128));
        row.Ratio.ShouldBeNull();
        row.Met.ShouldBe(true);
        ReportRow.From("p99", "µs", values, "mooring", Goal.NoWorse).Met.ShouldBeNull();
    }

    [Theory]
    [InlineData(0.8, true)]
    [InlineData(0.79, false)]
    public void From_MoreIsBetter_IsComparedWithTheHighestAndTheGoalIsALeast(double ours, bool met)
    {
        var values = new Dictionary<string, double>
        {
            ["mooring"] = ours,
            ["ssh -R"] = 0.4,
            ["haproxy"] = 1.6,
        };
        var row = ReportRow.From("one stream", "GB/s", values, "mooring", Goal.AtLeast(2, "ssh -R"), moreIsBetter: true);
        row.Ratio.ShouldBe(Math.Round(ours / 1.6, 3));
        row.Goal.ShouldBe("≥ 2× ssh -R");
        row.Met.ShouldBe(met);
    }

    [Fact]
    public void From_ManyDigits_KeepsFour()
    {
        var values = new Dictionary<string, double> { ["mooring"] = 10_351.7777, ["haproxy"] = 0.000_123_456 };
        var row = ReportRow.From("x", "y", values, "mooring", goal: null);
        row.Ours.ShouldBe(10_352);
        row.Peers["haproxy"].ShouldBe(0.0001235);
    }

    [Fact]
    public void Write_Report_HasTheDocumentedShape()
    {
        var directory = Directory.CreateTempSubdirectory("mooring-bench-test-");
        try
        {
            var report = new Report
            {
                Name = "l4",
                When = DateTimeOffset.UnixEpoch,
                Machine = Machine.Read(new Dictionary<string, string> { ["nginx"] = "1.22.1" }),
                Quick = true,
                Rows = [Row(ours: 0.2, haproxy: 0.25, nginx: 0.5)],
            };
            using var json = JsonDocument.Parse(File.ReadAllBytes(report.Write(directory.FullName)));
            var row = json.RootElement.GetProperty("rows")[0];
            row.EnumerateObject().Select(member => member.Name).ShouldBe(["metric", "unit", "ours", "peers", "ratio", "goal", "met"]);
            row.GetProperty("peers").GetProperty("haproxy").GetDouble().ShouldBe(0.25);
            json.RootElement.GetProperty("machine").GetProperty("kernel").GetString().ShouldNotBeNullOrEmpty();
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static ReportRow Row(double? ours, double? haproxy, double? nginx)
    {
        var values = new Dictionary<string, double>();
        foreach (var (name, value) in new[] { ("mooring", ours), ("haproxy", haproxy), ("nginx", nginx) })
        {
            if (value is { } number)
            {
                values[name] = number;
            }
        }

        return ReportRow.From("CPU per GB", "CPU s", values, "mooring", Bulk);
    }
}
