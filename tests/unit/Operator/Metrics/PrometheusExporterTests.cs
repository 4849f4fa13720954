using System.Diagnostics.Metrics;
using Mooring.Operator.Metrics;

namespace Mooring.Operator.Tests.Metrics;

public sealed class PrometheusExporterTests : IDisposable
{
    private readonly Meter _meter = new($"Mooring.Test.{Guid.NewGuid():N}");
    private readonly PrometheusExporter _exporter;

    public PrometheusExporterTests() => _exporter = new PrometheusExporter(_meter.Name);

    public void Dispose()
    {
        _exporter.Dispose();
        _meter.Dispose();
    }

    [Fact]
    public void Write_Counter_AddsAndEndsInTotal()
    {
        var counter = _meter.CreateCounter<long>("work.done", "{item}", "Items done");
        counter.Add(2, new KeyValuePair<string, object?>("queue", "a"));
        counter.Add(3, new KeyValuePair<string, object?>("queue", "a"));

        _exporter.Write().ShouldBe("# HELP work_done_total Items done\n# TYPE work_done_total counter\nwork_done_total{queue=\"a\"} 5\n");
    }

    [Fact]
    public void Write_UpDownCounter_IsAGauge()
    {
        var depth = _meter.CreateUpDownCounter<long>("depth");
        depth.Add(5);
        depth.Add(-2);

        _exporter.Write().ShouldContain("# TYPE depth gauge\ndepth 3\n");
    }

    [Fact]
    public void Write_Histogram_BucketsAreCumulativeAndBoundsInclusive()
    {
        var took = _meter.CreateHistogram("took", "s", "", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        took.Record(0.1);
        took.Record(0.5);
        took.Record(7);

        _exporter
            .Write()
            .ShouldContain(
                "took_seconds_bucket{le=\"0.1\"} 1\ntook_seconds_bucket{le=\"1\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 7.6\ntook_seconds_count 3\n"
            );
    }

    [Fact]
    public void Write_ObservableGauge_ForgetsWhatIsNoLongerReported()
    {
        var fleets = new List<Measurement<int>> { new(1, new KeyValuePair<string, object?>("fleet", "gone")) };
        _meter.CreateObservableGauge("connections", () => fleets);
        _exporter.Write().ShouldContain("connections{fleet=\"gone\"} 1");

        fleets[0] = new Measurement<int>(4, new KeyValuePair<string, object?>("fleet", "new"));

        var text = _exporter.Write();
        text.ShouldContain("connections{fleet=\"new\"} 4");
        text.ShouldNotContain("gone");
    }

    [Fact]
    public void Write_LabelWithQuotesAndNewline_IsEscaped()
    {
        _meter.CreateCounter<int>("odd").Add(1, new KeyValuePair<string, object?>("a.b", "x\"y\\z\n"));

        _exporter.Write().ShouldContain("odd_total{a_b=\"x\\\"y\\\\z\\n\"} 1\n");
    }

    [Fact]
    public void Write_TwoMetersWithOneName_ShareAFamily()
    {
        using var second = new Meter(_meter.Name);
        _meter.CreateObservableGauge("longest", () => new Measurement<double>(1, new KeyValuePair<string, object?>("queue", "a")));
        second.CreateObservableGauge("longest", () => new Measurement<double>(2, new KeyValuePair<string, object?>("queue", "b")));

        _exporter.Write().Split('\n').Count(line => line.StartsWith("# TYPE longest", StringComparison.Ordinal)).ShouldBe(1);
        _exporter.Write().ShouldContain("longest{queue=\"a\"} 1\nlongest{queue=\"b\"} 2\n");
    }

    [Fact]
    public void Observed_OfManyFleets_NoneIsLeftOut()
    {
        const int Fleets = MetricFamily.MaxSeries + 500;
        _meter.CreateObservableGauge(
            "fleets",
            static () =>
                Enumerable.Range(0, Fleets).Select(static i => new Measurement<int>(i, new KeyValuePair<string, object?>("fleet", $"{i}")))
        );

        _exporter.Write().Split('\n').Count(line => line.StartsWith("fleets{", StringComparison.Ordinal)).ShouldBe(Fleets);
    }

    [Fact]
    public void Record_LabelSetsWithoutEnd_AreBounded()
    {
        var counter = _meter.CreateCounter<int>("wild");
        for (var i = 0; i < MetricFamily.MaxSeries + 500; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        _exporter
            .Write()
            .Split('\n')
            .Count(line => line.StartsWith("wild_total{", StringComparison.Ordinal))
            .ShouldBe(MetricFamily.MaxSeries);
    }
}
