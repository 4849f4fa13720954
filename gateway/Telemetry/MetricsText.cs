using System.Globalization;
using System.Text;

namespace Mooring.Gateway.Telemetry;

/// <summary>Writes metrics in Prometheus's text format 0.0.4, or as OpenMetrics 1.0. Pure.</summary>
internal static class MetricsText
{
    public const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    private const string CounterSuffix = "_total";

    /// <summary>The whole exposition. A metric without samples is left out.</summary>
    public static string Write(IReadOnlyList<MetricDefinition> metrics, MetricSource source, bool openMetrics)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (var metric in metrics)
        {
            var described = false;
            foreach (var sample in metric.Collect(source))
            {
                if (!described)
                {
                    Describe(text, metric, openMetrics);
                    described = true;
                }

                Append(text, metric, sample);
            }
        }

        return text.Append(openMetrics ? "# EOF\n" : "").ToString();
    }

    private static void Describe(StringBuilder text, MetricDefinition metric, bool openMetrics)
    {
        // In OpenMetrics a counter's family has no suffix, only its samples do.
        var family = openMetrics && metric.Kind == MetricKind.Counter ? metric.Name[..^CounterSuffix.Length] : metric.Name;
        text.Append("# HELP ").Append(family).Append(' ').Append(metric.Help).Append('\n');
        text.Append("# TYPE ").Append(family).Append(' ').Append(TypeName(metric.Kind)).Append('\n');
    }

    internal static string TypeName(MetricKind kind) =>
        kind switch
        {
            MetricKind.Counter => "counter",
            MetricKind.Histogram => "histogram",
            _ => "gauge",
        };

    private static void Append(StringBuilder text, MetricDefinition metric, MetricSample sample)
    {
        text.Append(metric.Name).Append(sample.Suffix);
        for (var i = 0; i < metric.Labels.Count; i++)
        {
            text.Append(i == 0 ? '{' : ',').Append(metric.Labels[i]).Append("=\"");
            AppendEscaped(text, sample.LabelValues[i]);
            text.Append('"');
        }

        if (sample.UpperEnd is not null)
        {
            text.Append(metric.Labels.Count > 0 ? ",le=\"" : "{le=\"").Append(sample.UpperEnd).Append("\"} ");
            text.Append(sample.Value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
            return;
        }

        text.Append(metric.Labels.Count > 0 ? "} " : " ").Append(sample.Value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static void AppendEscaped(StringBuilder text, string value)
    {
        foreach (var character in value)
        {
            _ = character switch
            {
                '\\' => text.Append(@"\\"),
                '"' => text.Append("\\\""),
                '\n' => text.Append("\\n"),
                _ => text.Append(character),
            };
        }
    }
}
