using System.Text.RegularExpressions;

namespace Mooring.Testing;

/// <summary>Compares metrics in Prometheus's text format with the table of a README.</summary>
public static class MetricsText
{
    /// <summary>The rows of the table under a heading: <c>| `name` | type | labels | meaning |</c>.</summary>
    public static IReadOnlyList<(string Name, string Type, string Labels, string Meaning)> Rows(string readme, string heading)
    {
        var start = readme.IndexOf($"## {heading}\n", StringComparison.Ordinal);
        if (start < 0)
        {
            throw new InvalidDataException($"the README has no heading '{heading}'");
        }

        var end = readme.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return
        [
            .. readme[start..(end < 0 ? readme.Length : end)]
                .Split('\n')
                .Where(static line => line.StartsWith("| `", StringComparison.Ordinal))
                .Select(static line => line.Split('|', StringSplitOptions.TrimEntries))
                .Select(static cells => (cells[1].Trim('`'), cells[2], cells[3], cells[4])),
        ];
    }

    /// <summary>Every sample is of a metric in the table and has exactly that row's labels, in any order.</summary>
    /// <param name="text">What was scraped; families of other prefixes than <c>mooring_</c> and <c>kubernetes_</c> are passed over.</param>
    /// <param name="labels">By metric, separated by commas.</param>
    /// <exception cref="InvalidDataException">Names the sample.</exception>
    public static void CheckLabels(string text, IReadOnlyDictionary<string, string> labels)
    {
        foreach (
            Match sample in Regex.Matches(
                text,
                "^(?<name>(mooring|kubernetes)_[a-z_]+)({(?<labels>.*)})? \\S+$",
                RegexOptions.Multiline | RegexOptions.ExplicitCapture
            )
        )
        {
            var name = sample.Groups["name"].Value;
            var family = Regex.Replace(name, "_(bucket|sum|count)$", "", RegexOptions.ExplicitCapture);
            var wanted =
                labels.GetValueOrDefault(name)
                ?? labels.GetValueOrDefault(family)
                ?? throw new InvalidDataException($"{name} is not in the table");
            var has = Regex
                .Matches(sample.Groups["labels"].Value, "(?<name>[a-z_]+)=\"([^\"\\\\]|\\\\.)*\"", RegexOptions.ExplicitCapture)
                .Select(static one => one.Groups["name"].Value)
                .Where(static one => one != "le");
            var expected = wanted.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (!has.Order(StringComparer.Ordinal).SequenceEqual(expected.Order(StringComparer.Ordinal)))
            {
                throw new InvalidDataException($"{sample.Value}: the table says '{wanted}'");
            }
        }
    }
}
