using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace Mooring.Operator.Metrics;

/// <summary>Gathers the measurements of this process's meters and writes them in Prometheus's text format.</summary>
/// <remarks>
/// Written here because none of the Prometheus exporters is in the package registry that this project builds from. Takes the meters whose
/// name starts with one of the given prefixes, from its creation on; disposing stops it. Thread-safe.
/// </remarks>
public sealed class PrometheusExporter : IDisposable
{
    /// <summary>Media type of what <see cref="Write"/> returns.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _collecting = new();

    /// <summary>Starts to listen.</summary>
    /// <param name="meterPrefixes">For example <c>Mooring.</c> and <c>System.Runtime</c>.</param>
    public PrometheusExporter(params IReadOnlyList<string> meterPrefixes)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (meterPrefixes.Any(prefix => instrument.Meter.Name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                var family = _families.GetOrAdd(PrometheusName.Of(instrument), name => MetricFamily.For(name, instrument));
                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, state) => Record(value, tags, state));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, state) => Record(value, tags, state));
        _listener.SetMeasurementEventCallback<float>(static (_, value, tags, state) => Record(value, tags, state));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, state) => Record(value, tags, state));
        _listener.Start();
    }

    /// <summary>Reads the observable instruments and returns everything as text, families in the order of their names.</summary>
    public string Write()
    {
        var text = new StringBuilder();
        lock (_collecting)
        {
            foreach (var family in _families.Values)
            {
                family.BeginCollection();
            }

            _listener.RecordObservableInstruments();
            foreach (var family in _families.Values.OrderBy(family => family.Name, StringComparer.Ordinal))
            {
                family.WriteTo(text);
                // A thousand fleets have tens of thousands of series: nobody needs them before they are read anew.
                family.BeginCollection();
            }
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state) =>
        ((MetricFamily)state!).Record(value, tags);
}
