namespace Mooring.Gateway.Telemetry;

/// <summary>How a metric's values move.</summary>
internal enum MetricKind
{
    Gauge,

    /// <summary>Only rises, from the process's start. Its name ends with <c>_total</c>.</summary>
    Counter,

    /// <summary>Durations in buckets: see <see cref="DurationSamples"/>.</summary>
    Histogram,
}

/// <summary>One value of a metric.</summary>
/// <param name="Value">In the unit that the metric's name ends with.</param>
/// <param name="LabelValues">One for each of the metric's labels.</param>
internal readonly record struct MetricSample(double Value, params string[] LabelValues)
{
    /// <summary>What the metric's name is followed by: of a histogram, <c>_bucket</c>, <c>_sum</c> or <c>_count</c>.</summary>
    public string Suffix { get; init; } = "";

    /// <summary>Upper end of a histogram's bucket, as the label <c>le</c>; null: none.</summary>
    public string? UpperEnd { get; init; }
}

/// <summary>A metric and where its values come from.</summary>
/// <param name="Name">With its unit, as Prometheus's naming asks.</param>
/// <param name="Kind">Gauge or counter.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Labels">Names of its labels.</param>
/// <param name="Collect">Its values now.</param>
internal sealed record MetricDefinition(
    string Name,
    MetricKind Kind,
    string Help,
    IReadOnlyList<string> Labels,
    Func<MetricSource, IEnumerable<MetricSample>> Collect
);
