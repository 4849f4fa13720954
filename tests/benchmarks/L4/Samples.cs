using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.L4;

/// <summary>All values of a run, by metric and server, in the order they came.</summary>
internal sealed class Samples
{
    private readonly Dictionary<(string Metric, string Server), List<double>> _values = [];

    public void Add(string metric, string server, double value)
    {
        if (!_values.TryGetValue((metric, server), out var values))
        {
            _values[(metric, server)] = values = [];
        }

        values.Add(value);
    }

    /// <summary>Median of each server that has values of the metric.</summary>
    public IReadOnlyDictionary<string, double> Medians(string metric) =>
        _values.Where(pair => pair.Key.Metric == metric).ToDictionary(pair => pair.Key.Server, pair => Statistics.Median(pair.Value));

    public IReadOnlyList<ReportSamples> All => [.. _values.Select(pair => new ReportSamples(pair.Key.Metric, pair.Key.Server, pair.Value))];
}
