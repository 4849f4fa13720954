using System.Diagnostics.Metrics;
using Mooring.Gateway.Serving;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Mooring.Gateway.Telemetry.Otlp;

/// <summary>The metrics of <see cref="GatewayMetrics"/> as OpenTelemetry's instruments, sent to one collector until disposed.</summary>
/// <remarks>
/// Names and labels are those of <c>/metrics</c>, so that dashboards and alerts fit both. A histogram goes as its <c>_bucket</c>, <c>_sum</c> and <c>_count</c>
/// sums, as Prometheus has it: OpenTelemetry has no histogram that is read from outside.
/// </remarks>
internal sealed class OtlpMetrics : IDisposable
{
    private const int GrpcPort = 4317;
    private const string Path = "/v1/metrics";
    private const int DefaultIntervalMilliseconds = 15_000;
    private const int TimeoutMilliseconds = 5_000;
    private const int LastExportMilliseconds = 2_000;

    // The SDK has a place for each set of labels from the start.
    private const int MaxSeries = 1024;

    // Instruments are read one after another, and all from one look.
    private static readonly TimeSpan OneLook = TimeSpan.FromSeconds(1);

    private readonly Func<MetricSource> _read;
    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly MeterProvider _provider;
    private MetricSource? _source;
    private long _readAt;

    public OtlpMetrics(Uri endpoint, string fleet, string gateway, Func<MetricSource> read, TimeProvider time)
    {
        (_read, _time) = (read, time);
        // By instance: one that is being replaced may not have ended yet.
        _meter = new Meter($"Mooring.Gateway.{Guid.NewGuid():N}", GatewayVersion.Text);
        foreach (var metric in GatewayMetrics.All)
        {
            Create(metric);
        }

        var (target, protocol) = Target(endpoint);
        _provider = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(
                ResourceBuilder
                    .CreateEmpty()
                    .AddTelemetrySdk()
                    .AddService("mooring-gateway", serviceVersion: GatewayVersion.Text, serviceInstanceId: gateway)
                    .AddAttributes([new KeyValuePair<string, object>("mooring.fleet", fleet)])
                    .AddEnvironmentVariableDetector()
            )
            .AddMeter(_meter.Name)
            .AddView(instrument => new MetricStreamConfiguration { CardinalityLimit = IsSingle(instrument) ? 1 : MaxSeries })
            .AddOtlpExporter(
                (exporter, reader) =>
                {
                    (exporter.Endpoint, exporter.Protocol, exporter.TimeoutMilliseconds) = (target, protocol, TimeoutMilliseconds);
                    reader.TemporalityPreference = MetricReaderTemporalityPreference.Cumulative;
                    // OTEL_METRIC_EXPORT_INTERVAL, where it is set.
                    reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds ??= DefaultIntervalMilliseconds;
                }
            )
            .Build();
    }

    /// <summary>Where to, and how: gRPC on its own port, HTTP with protobuf on others. Pure.</summary>
    internal static (Uri Endpoint, OtlpExportProtocol Protocol) Target(Uri endpoint) =>
        endpoint.Port == GrpcPort
            ? (endpoint, OtlpExportProtocol.Grpc)
            : (new Uri(endpoint.AbsoluteUri.TrimEnd('/') + Path), OtlpExportProtocol.HttpProtobuf);

    public void Dispose()
    {
        _provider.Shutdown(LastExportMilliseconds);
        _provider.Dispose();
        _meter.Dispose();
    }

    private static bool IsSingle(Instrument instrument) =>
        GatewayMetrics.All.Any(metric => metric.Name == instrument.Name && metric.Labels.Count == 0);

    private void Create(MetricDefinition metric)
    {
        switch (metric.Kind)
        {
            case MetricKind.Gauge:
                _meter.CreateObservableGauge(metric.Name, () => Observe(metric, ""), description: metric.Help);
                break;
            case MetricKind.Counter:
                _meter.CreateObservableCounter(metric.Name, () => Observe(metric, ""), description: metric.Help);
                break;
            default:
                foreach (var suffix in new[] { "_bucket", "_sum", "_count" })
                {
                    _meter.CreateObservableCounter(metric.Name + suffix, () => Observe(metric, suffix), description: metric.Help);
                }

                break;
        }
    }

    private IEnumerable<Measurement<double>> Observe(MetricDefinition metric, string suffix) =>
        metric
            .Collect(Look())
            .Where(sample => sample.Suffix == suffix)
            .Select(sample => new Measurement<double>(sample.Value, Tags(metric, sample)));

    private static List<KeyValuePair<string, object?>> Tags(MetricDefinition metric, MetricSample sample)
    {
        var tags = new List<KeyValuePair<string, object?>>(metric.Labels.Count + 1);
        for (var i = 0; i < metric.Labels.Count; i++)
        {
            tags.Add(new(metric.Labels[i], sample.LabelValues[i]));
        }

        if (sample.UpperEnd is { } end)
        {
            tags.Add(new("le", end));
        }

        return tags;
    }

    private MetricSource Look()
    {
        if (_source is null || _time.GetElapsedTime(_readAt) > OneLook)
        {
            (_source, _readAt) = (_read(), _time.GetTimestamp());
        }

        return _source;
    }
}
