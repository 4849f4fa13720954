using System.Globalization;
using System.Text;

namespace Mooring.Operator.Metrics;

/// <summary>One metric with one set of labels: a number, or a histogram where bounds are given. Thread-safe.</summary>
internal sealed class MetricSeries(double[]? bounds)
{
    private readonly Lock _lock = new();
    private readonly long[] _buckets = new long[bounds?.Length ?? 0];
    private double _sum;
    private long _count;

    public void Add(double value)
    {
        lock (_lock)
        {
            _sum += value;
        }
    }

    /// <summary>Sets the number, or counts a measurement of the histogram.</summary>
    public void Record(double value)
    {
        lock (_lock)
        {
            if (bounds is null)
            {
                _sum = value;
                return;
            }

            _sum += value;
            _count++;
            var index = Array.BinarySearch(bounds, value);
            index = index < 0 ? ~index : index;
            if (index < _buckets.Length)
            {
                _buckets[index]++;
            }
        }
    }

    public void WriteTo(StringBuilder text, string name, string labels)
    {
        lock (_lock)
        {
            if (bounds is null)
            {
                Line(text, name, labels, _sum);
                return;
            }

            var before = labels.Length == 0 ? "" : labels + ",";
            long below = 0;
            for (var i = 0; i < bounds.Length; i++)
            {
                below += _buckets[i];
                Line(text, $"{name}_bucket", $"{before}le=\"{Number(bounds[i])}\"", below);
            }

            Line(text, $"{name}_bucket", $"{before}le=\"+Inf\"", _count);
            Line(text, $"{name}_sum", labels, _sum);
            Line(text, $"{name}_count", labels, _count);
        }
    }

    private static void Line(StringBuilder text, string name, string labels, double value)
    {
        text.Append(name);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string Number(double value) =>
        value switch
        {
            double.PositiveInfinity => "+Inf",
            double.NegativeInfinity => "-Inf",
            double.NaN => "NaN",
            _ => value.ToString("R", CultureInfo.InvariantCulture),
        };
}
