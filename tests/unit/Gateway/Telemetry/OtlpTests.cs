using System.Collections.Concurrent;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Telemetry.Otlp;
using Mooring.Testing;
using OpenTelemetry.Exporter;
using static Mooring.Testing.ProtobufWire;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class OtlpTests
{
    [Theory]
    [InlineData("http://c:4318", "http://c:4318/v1/metrics", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("https://c/base/", "https://c/base/v1/metrics", OtlpExportProtocol.HttpProtobuf)]
    [InlineData("http://c:4317", "http://c:4317/", OtlpExportProtocol.Grpc)]
    public void Target_FollowsThePort(string endpoint, string target, OtlpExportProtocol protocol) =>
        OtlpMetrics.Target(new Uri(endpoint)).ShouldBe((new Uri(target), protocol));

    [Theory]
    [InlineData("http://collector:4318", true)]
    [InlineData("https://collector.example.com/otlp", true)]
    [InlineData("collector:4318", false)]
    [InlineData("ftp://collector", false)]
    [InlineData("http://me:secret@collector", false)]
    [InlineData("http://collector/?a=b", false)]
    [InlineData("http://collector:70000", false)]
    public void Config_EndpointIsAUrlOfACollector(string endpoint, bool good)
    {
        var result = ConfigCompiler.Compile(
            new GatewayConfig
            {
                Fleet = "shop/edge",
                Otlp = new OtlpConfig { Endpoint = endpoint },
            },
            processConnections: 1000
        );

        result.Errors.Any(static error => error.StartsWith("otlp.endpoint: ", StringComparison.Ordinal)).ShouldBe(!good);
    }

    [Fact]
    public async Task Collector_ThatIsAway_HoldsNothingUp()
    {
        using var output = new MemoryStream();
        await using var sink = new LogSink(output);
        var log = new GatewayLog(sink, default, TimeProvider.System);
        var export = new OtlpExport("g-0", static () => throw new InvalidOperationException("nothing to read yet"), log);
        var config = new GatewayConfig
        {
            Fleet = "shop/edge",
            Otlp = new OtlpConfig { Endpoint = "http://127.0.0.1:9" },
        };

        export.Use(config);
        export.Use(config with { Otlp = new OtlpConfig { Endpoint = "http://127.0.0.1:10" } });

        // The last export has two seconds, and fails at once here; what it would have read fails too.
        await export.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Endpoints_ThatComeInOthersPlace_HaveSeriesOfTheirOwn()
    {
        await using var collector = new Collector();
        await collector.StartAsync();
        var generation = 0;
        await using var metrics = new Exporting(collector.Address, () => WithEndpoints(400, $"g{Volatile.Read(ref generation)}"));
        await Until.TrueAsync(() => collector.Endpoints("g0") == 400, Limit, "the first endpoints");

        // As many are three times that in the series of breakers, and no place of one that is gone comes free.
        for (generation = 1; generation <= 4; generation++)
        {
            await Until.TrueAsync(() => collector.Endpoints($"g{generation}") == 400, Limit, $"those of rollout {generation}");
        }

        collector.Overflows.ShouldBeEmpty();
    }

    [Fact]
    public async Task Histograms_OfManyListeners_AreWhole()
    {
        await using var collector = new Collector();
        await collector.StartAsync();
        var listeners = Enumerable
            .Range(0, 64)
            .Select(static i => new ListenerLoad
            {
                Name = $"l{i}",
                Traffic = new TrafficLoad
                {
                    Connect = new DurationLoad { Counts = [.. Enumerable.Repeat(1L, 19)], SumSeconds = 1 },
                },
            })
            .ToList();
        var source = MetricsTextTests.Source(Empty with { Listeners = listeners });
        await using var metrics = new Exporting(collector.Address, () => source);

        await Until.TrueAsync(
            () => collector.Labels.Count(static one => one.Key.Metric == "mooring_gateway_connect_duration_seconds_bucket") == 64 * 19,
            Limit,
            "every bucket of every listener"
        );
        collector.Overflows.ShouldBeEmpty();
    }

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly ReportMessage Empty = new()
    {
        State = GatewayState.Serving,
        Connections = 0,
        Capacity = 100,
    };

    private static MetricSource WithEndpoints(int count, string prefix) =>
        MetricsTextTests.Source(
            Empty with
            {
                Backends =
                [
                    new BackendLoad
                    {
                        Name = "relay",
                        Endpoints =
                        [
                            .. Enumerable
                                .Range(0, count)
                                .Select(i => new EndpointLoad
                                {
                                    Id = $"{prefix}-{i}",
                                    Breaker = new BreakerLoad { State = BreakerStateName.Closed },
                                }),
                        ],
                    },
                ],
            }
        );

    /// <summary>An export every few milliseconds.</summary>
    private sealed class Exporting : IAsyncDisposable
    {
        private const string Interval = "OTEL_METRIC_EXPORT_INTERVAL";
        private readonly MemoryStream _output = new();
        private readonly LogSink _sink;
        private readonly OtlpExport _export;

        public Exporting(string endpoint, Func<MetricSource> read)
        {
            Environment.SetEnvironmentVariable(Interval, "50");
            _sink = new LogSink(_output);
            _export = new OtlpExport("g-0", read, new GatewayLog(_sink, default, TimeProvider.System));
            _export.Use(
                new GatewayConfig
                {
                    Fleet = "shop/edge",
                    Otlp = new OtlpConfig { Endpoint = endpoint },
                }
            );
        }

        public async ValueTask DisposeAsync()
        {
            await _export.DisposeAsync();
            Environment.SetEnvironmentVariable(Interval, null);
            await _sink.DisposeAsync();
            await _output.DisposeAsync();
        }
    }

    /// <summary>opentelemetry/proto/collector/metrics/v1/metrics_service.proto, metrics/v1/metrics.proto.</summary>
    private sealed class Collector() : OtlpCollector("/v1/metrics")
    {
        /// <summary>Series that have come.</summary>
        public ConcurrentDictionary<(string Metric, string Labels), byte> Labels { get; } = new();

        public IEnumerable<string> Overflows =>
            Labels
                .Keys.Where(static series => series.Labels.Contains("otel.metric.overflow", StringComparison.Ordinal))
                .Select(static series => series.Metric);

        public int Endpoints(string prefix) =>
            Labels.Keys.Count(series =>
                series.Metric == "mooring_gateway_breaker_state"
                && series.Labels.Contains($"endpoint={prefix}-", StringComparison.Ordinal)
                && series.Labels.Contains("state=Closed", StringComparison.Ordinal)
            );

        protected override void Read(byte[] request)
        {
            foreach (
                var metric in Fields(request, 1).SelectMany(static part => Fields(part, 2)).SelectMany(static scope => Fields(scope, 2))
            )
            {
                var name = Encoding.UTF8.GetString(Fields(metric, 1).Single());
                // A gauge is field 5 and a sum field 7; both have their points as field 1.
                foreach (var point in Fields(metric, 5).Concat(Fields(metric, 7)).SelectMany(static data => Fields(data, 1)))
                {
                    Labels[(name, string.Join(',', Fields(point, 7).Select(Tag)))] = 0;
                }
            }
        }

        private static string Tag(byte[] pair) =>
            $"{Encoding.UTF8.GetString(Fields(pair, 1).Single())}={Encoding.UTF8.GetString(Fields(Fields(pair, 2).Single(), 1).FirstOrDefault() ?? [])}";
    }
}
