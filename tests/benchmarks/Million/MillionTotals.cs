namespace Mooring.Benchmarks.Million;

/// <summary>What all processes of clients say together.</summary>
internal sealed record MillionTotals
{
    public int Live { get; init; }

    public long Connected { get; init; }

    public long Failed { get; init; }

    public string? LastFailure { get; init; }

    public required IReadOnlyDictionary<int, long> Closes { get; init; }

    public long Pings { get; init; }

    public long Messages { get; init; }

    public long Strays { get; init; }

    public int ConnectedNow { get; init; }

    public double LongestAway { get; init; }

    /// <summary>Medians of the processes, in µs, and the longest of all.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }

    public double Max { get; init; }

    public static MillionTotals Of(IReadOnlyCollection<HoldReport> reports) =>
        new()
        {
            Live = reports.Sum(report => report.Live),
            Connected = reports.Sum(report => report.Connected),
            Failed = reports.Sum(report => report.Failed),
            LastFailure = reports.Select(report => report.LastFailure).FirstOrDefault(failure => failure is not null),
            Closes = reports
                .SelectMany(report => report.Closes)
                .GroupBy(close => close.Key)
                .ToDictionary(code => code.Key, code => code.Sum(close => close.Value)),
            Pings = reports.Sum(report => report.Pings),
            Messages = reports.Sum(report => report.Messages),
            Strays = reports.Sum(report => report.Strays),
            ConnectedNow = reports.Sum(report => report.ConnectedNow),
            LongestAway = reports.Max(report => report.LongestAway),
            P50 = Median(reports.Select(report => report.P50)),
            P99 = Median(reports.Select(report => report.P99)),
            Max = reports.Max(report => report.Max),
        };

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Where(value => value > 0).Order().ToList();
        return sorted.Count > 0 ? sorted[sorted.Count / 2] : 0;
    }
}
