using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Benchmarks.Harness;

/// <summary>Outcome of one benchmark, as <c>artifacts/bench/NAME.json</c> has it.</summary>
internal sealed record Report
{
    public required string Name { get; init; }

    /// <summary>When the run began.</summary>
    public required DateTimeOffset When { get; init; }

    public required Machine Machine { get; init; }

    /// <summary>The short form ran: the figures are coarser.</summary>
    public required bool Quick { get; init; }

    public required IReadOnlyList<ReportRow> Rows { get; init; }

    /// <summary>What a reader must know to trust the figures, such as a machine that was busy with other work.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Every round's value, in the order they ran, behind the medians of <see cref="Rows"/>.</summary>
    public IReadOnlyList<ReportSamples> Samples { get; init; } = [];

    /// <summary>Writes the report as <c>NAME.json</c> into <paramref name="directory"/>, created where missing. Returns the path.</summary>
    public string Write(string directory)
    {
        Directory.CreateDirectory(directory);
        var path = Path.Combine(directory, $"{Name}.json");
        File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(this, ReportJson.Readable.Report));
        return path;
    }
}

/// <summary>One figure of ours beside the peers'.</summary>
internal sealed record ReportRow
{
    public required string Metric { get; init; }

    public required string Unit { get; init; }

    /// <summary>Null when our server did not run.</summary>
    public double? Ours { get; init; }

    public required IReadOnlyDictionary<string, double> Peers { get; init; }

    /// <summary>Ours divided by the best peer's, which is the lowest but in rows where more is better; null without both.</summary>
    public double? Ratio { get; init; }

    /// <summary>The goal in words; null where there is none.</summary>
    public string? Goal { get; init; }

    /// <summary>Null without a goal, or without what it is measured by.</summary>
    public bool? Met { get; init; }

    /// <summary>Makes the row of a metric from the values by server.</summary>
    public static ReportRow From(
        string metric,
        string unit,
        IReadOnlyDictionary<string, double> values,
        string ours,
        Goal? goal,
        bool moreIsBetter = false
    )
    {
        var peers = values.Where(pair => pair.Key != ours).ToDictionary(pair => pair.Key, pair => Round(pair.Value));
        double? own = values.TryGetValue(ours, out var value) ? Round(value) : null;
        var best =
            peers.Count == 0 ? double.NaN
            : moreIsBetter ? peers.Values.Max()
            : peers.Values.Min();
        return new ReportRow
        {
            Metric = metric,
            Unit = unit,
            Ours = own,
            Peers = peers,
            Ratio = own is { } mine && best > 0 ? Math.Round(mine / best, 3) : null,
            Goal = goal?.ToString(),
            Met = own is { } number ? goal?.Met(number, peers) : null,
        };
    }

    // Four digits: more is noise, and a diff of two reports stays readable.
    private static double Round(double value) =>
        value == 0 || !double.IsFinite(value) ? 0 : Math.Round(value, Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 9));
}

/// <summary>All rounds of one server in one metric.</summary>
internal sealed record ReportSamples(string Metric, string Server, IReadOnlyList<double> Values);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(Report))]
internal sealed partial class ReportJson : JsonSerializerContext
{
    private static ReportJson? _readable;

    /// <summary>As <c>Default</c>, with "≤" and "×" left readable: the file is no part of a web page.</summary>
    public static ReportJson Readable =>
        _readable ??= new ReportJson(
            new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, TypeInfoResolver = null }
        );
}
