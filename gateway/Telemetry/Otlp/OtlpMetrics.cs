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

    // The SDK has a place for each set of labels from the start, and gives none back while it lives.
    private const int LeastPlaces = 1024;

    // Instruments are read one after another, and all from one look.
    private static readonly TimeSpan OneLook = TimeSpan.FromSeconds(1);

    private readonly Func<MetricSource> _read;
    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private readonly MeterProvider _provider;
    private readonly Dictionary<string, SeriesPlaces> _places = [];
    private Action? _full;
    private MetricSource? _source;
    private long _readAt;

    /// <param name="endpoint">The collector.</param>
    /// <param name="fleet"><c>namespace/name</c>.</param>
    /// <param name="gateway">Name of the gateway.</param>
    /// <param name="read">All metrics, now.</param>
    /// <param name="full">Told once that some have no place any more, and are left out until another is made in this one's stead.</param>
    /// <param name="time">The clock.</param>
    public OtlpMetrics(Uri endpoint, string fleet, string gateway, Func<MetricSource> read, Action full, TimeProvider time)
    {
        (_read, _full, _time) = (read, full, time);
        // By instance: one that is being replaced may not have ended yet.
        _meter = new Meter($"Mooring.Gateway.{Guid.NewGuid():N}", GatewayVersion.Text);
        foreach (var metric in GatewayMetrics.All)
        {
            Create(metric, Sizes(metric));
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
            .AddView(instrument => new MetricStreamConfiguration { CardinalityLimit = _places[instrument.Name].Limit })
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

    /// <summary>How many series each of the metric's instruments has now, by suffix; empty where that cannot be read at the moment.</summary>
    private Dictionary<string, int> Sizes(MetricDefinition metric)
    {
        try
        {
            return metric.Collect(Look()).CountBy(static sample => sample.Suffix).ToDictionary();
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return [];
        }
    }

    private void Create(MetricDefinition metric, Dictionary<string, int> sizes)
    {
        switch (metric.Kind)
        {
            case MetricKind.Gauge:
                _meter.CreateObservableGauge(metric.Name, Observer(metric, "", sizes), description: metric.Help);
                break;
            case MetricKind.Counter:
                _meter.CreateObservableCounter(metric.Name, Observer(metric, "", sizes), description: metric.Help);
                break;
            default:
                foreach (var suffix in new[] { "_bucket", "_sum", "_count" })
                {
                    _meter.CreateObservableCounter(metric.Name + suffix, Observer(metric, suffix, sizes), description: metric.Help);
                }

                break;
        }
    }

    private Func<IEnumerable<Measurement<double>>> Observer(MetricDefinition metric, string suffix, Dictionary<string, int> sizes)
    {
        // What there is now, and as much again that comes instead of it.
        var limit = metric.Labels.Count == 0 && suffix != "_bucket" ? 1 : Math.Max(LeastPlaces, 2 * sizes.GetValueOrDefault(suffix));
        var places = _places[metric.Name + suffix] = new SeriesPlaces(limit);
        return () => Observe(metric, suffix, places);
    }

    private IEnumerable<Measurement<double>> Observe(MetricDefinition metric, string suffix, SeriesPlaces places)
    {
        foreach (var sample in metric.Collect(Look()).Where(sample => sample.Suffix == suffix))
        {
            if (places.TryTake(sample))
            {
                yield return new Measurement<double>(sample.Value, Tags(metric, sample));
            }
            else
            {
                Interlocked.Exchange(ref _full, null)?.Invoke();
            }
        }
    }

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

    /// <summary>The sets of labels that one instrument has given: beyond its limit the SDK makes one series of all that come.</summary>
    private sealed class SeriesPlaces(int limit)
    {
        private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

        public int Limit => limit;

        public bool TryTake(MetricSample sample)
        {
            var labels = string.Join('\n', sample.LabelValues.Append(sample.UpperEnd));
            return _taken.Contains(labels) || (_taken.Count < limit && _taken.Add(labels));
        }
    }
}
