using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Mooring.Operator.Metrics;

/// <summary>All series of one metric. Instruments of the same name share it. Thread-safe.</summary>
internal sealed class MetricFamily
{
    /// <summary>More label sets than this of one metric are left out: a label that grows without bound must not take the memory with it.</summary>
    /// <remarks>Not of what is observed: those are made anew each time, of what there is, such as eight conditions of each of thousands of fleets.</remarks>
    public const int MaxSeries = 10_000;

    // Longer label sets are written as text first.
    private const int MaxPlainLabels = 256;

    private static readonly double[] DefaultBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    private readonly ConcurrentDictionary<string, MetricSeries> _series = new(StringComparer.Ordinal);
    private readonly string _help;
    private readonly string _type;
    private readonly bool _added;
    private readonly bool _observed;
    private readonly double[]? _bounds;

    private MetricFamily(string name, string help, string type, bool added, bool observed, double[]? bounds) =>
        (Name, _help, _type, _added, _observed, _bounds) = (name, help, type, added, observed, bounds);

    public string Name { get; }

    public static MetricFamily For(string name, Instrument instrument)
    {
        var histogram = PrometheusName.IsHistogram(instrument);
        return new MetricFamily(
            name,
            instrument.Description ?? "",
            histogram ? "histogram"
                : PrometheusName.IsCounter(instrument) ? "counter"
                : "gauge",
            PrometheusName.IsAdded(instrument),
            instrument.IsObservable,
            histogram ? Bounds(instrument) : null
        );
    }

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Span<char> text = stackalloc char[MaxPlainLabels];
        var series = TryWriteLabels(tags, text, out var length) ? Find(text[..length]) : Find(Labels(tags));
        if (series is null)
        {
            return;
        }

        if (_added)
        {
            series.Add(value);
        }
        else
        {
            series.Record(value);
        }
    }

    /// <summary>What an observable instrument no longer reports is gone, such as the gauges of a deleted fleet.</summary>
    public void BeginCollection()
    {
        if (_observed)
        {
            _series.Clear();
        }
    }

    public void WriteTo(StringBuilder text)
    {
        if (_series.IsEmpty)
        {
            return;
        }

        text.Append("# HELP ").Append(Name).Append(' ').Append(_help.Replace("\\", @"\\").Replace("\n", @"\n")).Append('\n');
        text.Append("# TYPE ").Append(Name).Append(' ').Append(_type).Append('\n');
        foreach (var (labels, series) in _series.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            series.WriteTo(text, Name, labels);
        }
    }

    private static double[] Bounds(Instrument instrument) =>
        instrument switch
        {
            Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
            Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
            Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds],
            _ => DefaultBounds,
        };

    private MetricSeries? Find(ReadOnlySpan<char> labels) =>
        _series.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(labels, out var series) ? series
        : !_observed && _series.Count >= MaxSeries ? null
        : _series.GetOrAdd(labels.ToString(), _ => new MetricSeries(_bounds));

    /// <summary>Writes labels as <see cref="Labels"/> does, where they are as plain as nearly all are; else false.</summary>
    private static bool TryWriteLabels(ReadOnlySpan<KeyValuePair<string, object?>> tags, Span<char> text, out int length)
    {
        length = 0;
        foreach (var (name, value) in tags)
        {
            // Two quotes, an equals sign and a comma.
            if (
                value is not string word
                || text.Length - length < name.Length + word.Length + 4
                || word.AsSpan().IndexOfAny('\\', '"', '\n') >= 0
                || name.Length == 0
                || char.IsAsciiDigit(name[0])
            )
            {
                return false;
            }

            if (length > 0)
            {
                text[length++] = ',';
            }

            foreach (var character in name)
            {
                text[length++] = char.IsAsciiLetterOrDigit(character) ? character : '_';
            }

            text[length++] = '=';
            text[length++] = '"';
            word.CopyTo(text[length..]);
            length += word.Length;
            text[length++] = '"';
        }

        return true;
    }

    private static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (var (name, value) in tags)
        {
            text.Append(text.Length > 0 ? "," : "").Append(PrometheusName.Sanitize(name)).Append("=\"");
            text.Append(
                Convert.ToString(value, CultureInfo.InvariantCulture)?.Replace("\\", @"\\").Replace("\"", "\\\"").Replace("\n", @"\n")
            );
            text.Append('"');
        }

        return text.ToString();
    }
}
