using System.Diagnostics.Metrics;
using System.Text;

namespace Mooring.Operator.Metrics;

/// <summary>Turns OpenTelemetry names into Prometheus ones, by OpenTelemetry's own rules. Pure.</summary>
internal static class PrometheusName
{
    /// <summary><c>kubernetes.client.request.duration</c> in <c>s</c> becomes <c>kubernetes_client_request_duration_seconds</c>; counters end in <c>_total</c>.</summary>
    public static string Of(Instrument instrument)
    {
        var name = Sanitize(instrument.Name);
        var unit = instrument.Unit switch
        {
            "s" => "seconds",
            "ms" => "milliseconds",
            "By" => "bytes",
            "1" or "%" => "ratio",
            // Annotations such as {request} say what is counted; the name does too.
            _ => "",
        };
        if (unit.Length > 0 && !name.EndsWith(unit, StringComparison.Ordinal))
        {
            name = $"{name}_{unit}";
        }

        return IsCounter(instrument) && !name.EndsWith("_total", StringComparison.Ordinal) ? $"{name}_total" : name;
    }

    /// <summary>A sum that only rises.</summary>
    public static bool IsCounter(Instrument instrument) =>
        IsA(instrument, typeof(Counter<>)) || IsA(instrument, typeof(ObservableCounter<>));

    public static bool IsHistogram(Instrument instrument) => IsA(instrument, typeof(Histogram<>));

    /// <summary>Each measurement is added to the last value, instead of taking its place.</summary>
    public static bool IsAdded(Instrument instrument) => IsA(instrument, typeof(Counter<>)) || IsA(instrument, typeof(UpDownCounter<>));

    public static string Sanitize(string name)
    {
        var text = new StringBuilder(name.Length);
        foreach (var character in name)
        {
            text.Append(char.IsAsciiLetterOrDigit(character) ? character : '_');
        }

        return text.Length > 0 && char.IsAsciiDigit(text[0]) ? $"_{text}" : text.ToString();
    }

    private static bool IsA(Instrument instrument, Type generic) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == generic;
}
