using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Mooring.Contracts.Stream;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Metrics;

/// <summary>Grafana shows an empty panel for what is not there and says nothing: so the chart's dashboards are held against the tables of metrics.</summary>
public sealed class DashboardTests
{
    /// <summary>What a scrape adds to the gateways' own labels; a fleet's ServiceMonitor, and <c>operator up</c>, see to it.</summary>
    private static readonly string[] OfTheScrape = ["namespace", "fleet", "gateway"];

    private static readonly Dictionary<string, HashSet<string>> Known = Tables();

    /// <summary>Labels whose values are words of the gateway: a selector of another passes everything, or nothing.</summary>
    private static readonly Dictionary<(string Metric, string Label), string[]> Words = new()
    {
        [("mooring_gateway_state", "state")] = Enum.GetNames<GatewayState>(),
        [("mooring_gateway_breaker_state", "state")] = Enum.GetNames<BreakerStateName>(),
    };

    public static TheoryData<string> Files() => [.. Directory.GetFiles(Folder, "*.json").Select(static file => Path.GetFileName(file)!)];

    private static string Folder => Repository.PathOf("charts", "mooring", "files", "dashboards");

    [Theory]
    [MemberData(nameof(Files))]
    public void Queries_AskForMetricsAndLabelsThatThereAre(string file)
    {
        foreach (var (title, target) in Panels(file).SelectMany(Targets))
        {
            Check((string)target["expr"]!, (string)target["legendFormat"]!).ShouldBeNull($"{file}, {title}");
        }
    }

    [Theory]
    [InlineData("mooring_gateway_connectionz", "", "no metric mooring_gateway_connectionz")]
    [InlineData("mooring_gateway_connections_bucket", "", "no metric mooring_gateway_connections_bucket")]
    [InlineData("mooring_gateway_connections{backend=\"x\"}", "", "no label backend")]
    [InlineData("mooring_gateway_breaker_state{state!=\"closed\"}", "", "state is never closed")]
    [InlineData("mooring_gateway_breaker_state{state=~\"Open|HalfOpen\"}", "", null)]
    [InlineData("sum by (listener, country) (mooring_gateway_connections)", "", "no label country")]
    [InlineData("sum by (listener) (mooring_gateway_connections)", "{{gateway}}", "the legend names gateway")]
    public void Check_FindsWhatThereIsNot(string query, string legend, string? problem) => Check(query, legend).ShouldBe(problem);

    [Theory]
    [MemberData(nameof(Files))]
    public void Variables_AreDeclared_AndAskForMetricsThatThereAre(string file)
    {
        var board = Read(file);
        var variables = board["templating"]!["list"]!.AsArray().Select(static one => (string)one!["name"]!).ToList();
        variables.ShouldBeUnique();
        variables.ShouldContain("datasource");
        foreach (Match use in Regex.Matches(board.ToJsonString(), "\\$\\{?(?<name>[a-z]\\w*)"))
        {
            variables.ShouldContain(use.Groups["name"].Value);
        }

        foreach (var query in board["templating"]!["list"]!.AsArray().Where(static one => (string)one!["type"]! == "query"))
        {
            var parts = Regex.Match((string)query!["query"]!["query"]!, "^label_values\\((?<series>.+), (?<label>\\w+)\\)$");
            parts.Success.ShouldBeTrue();
            Check($"sum by ({parts.Groups["label"].Value}) ({parts.Groups["series"].Value})", "").ShouldBeNull();
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Panels_HaveNamesOfTheirOwn_AndDoNotOverlap(string file)
    {
        var panels = Panels(file).ToList();
        panels.Select(static one => (int)one["id"]!).ShouldBeUnique();
        panels.Select(static one => (string)one["title"]!).ShouldBeUnique();
        var taken = new HashSet<(int, int)>();
        foreach (var panel in panels)
        {
            var (x, y, w, h) = ((int)panel["gridPos"]!["x"]!, Position("y"), Position("w"), Position("h"));
            (x + w).ShouldBeLessThanOrEqualTo(24);
            for (var cell = 0; cell < w * h; cell++)
            {
                taken.Add((x + (cell % w), y + (cell / w))).ShouldBeTrue($"{file}, {panel["title"]}");
            }

            int Position(string of) => (int)panel["gridPos"]![of]!;
        }
    }

    [Fact]
    public void Dashboards_HaveAddressesOfTheirOwn()
    {
        var boards = Directory.GetFiles(Folder, "*.json").Select(static file => Read(Path.GetFileName(file))).ToList();
        boards.Count.ShouldBeGreaterThan(1);
        boards.Select(static one => (string)one["uid"]!).ShouldBeUnique();
        boards.Select(static one => (string)one["title"]!).ShouldBeUnique();
    }

    /// <summary>Null, or what the query or its legend asks for that there is not.</summary>
    private static string? Check(string query, string legend)
    {
        var all = new HashSet<string>(StringComparer.Ordinal);
        foreach (Match metric in Regex.Matches(query, "(?<name>\\b(mooring|kubernetes|process|dotnet)_\\w+)(\\{(?<selector>[^}]*)\\})?"))
        {
            var name = metric.Groups["name"].Value;
            if (!Known.TryGetValue(name, out var labels))
            {
                return $"no metric {name}";
            }

            all.UnionWith(labels);
            foreach (Match label in Regex.Matches(metric.Groups["selector"].Value, "(?<name>\\w+)\\s*(=~|!~|!=|=)\"(?<value>[^\"]*)\""))
            {
                if (!labels.Contains(label.Groups["name"].Value))
                {
                    return $"no label {label.Groups["name"].Value}";
                }

                var words = Words.GetValueOrDefault((name, label.Groups["name"].Value));
                if (words is not null && label.Groups["value"].Value.Split('|').Except(words).FirstOrDefault() is { } odd)
                {
                    return $"{label.Groups["name"].Value} is never {odd}";
                }
            }
        }

        var kept = new HashSet<string>(StringComparer.Ordinal);
        foreach (Match by in Regex.Matches(query, "\\bby \\((?<labels>[^)]*)\\)"))
        {
            kept.UnionWith(by.Groups["labels"].Value.Split(',', StringSplitOptions.TrimEntries));
        }

        if (kept.FirstOrDefault(label => !all.Contains(label)) is { } unknown)
        {
            return $"no label {unknown}";
        }

        return
            Regex
                .Matches(legend, "\\{\\{(?<label>\\w+)\\}\\}")
                .Select(static one => one.Groups["label"].Value)
                .FirstOrDefault(label => !kept.Contains(label))
                is { } lost
            ? $"the legend names {lost}"
            : null;
    }

    private static Dictionary<string, HashSet<string>> Tables()
    {
        var known = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        Add(["operator", "Metrics", "README.md"], "In a cluster", []);
        Add(["gateway", "Telemetry", "README.md"], "Metrics", OfTheScrape);
        return known;

        void Add(string[] path, string heading, string[] more)
        {
            foreach (var (name, type, labels, _) in MetricsText.Rows(File.ReadAllText(Repository.PathOf(path)), heading))
            {
                var own = labels.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Concat(more);
                foreach (var part in type == "histogram" ? new[] { "_bucket", "_sum", "_count" } : [""])
                {
                    known[name + part] = [.. own, .. part == "_bucket" ? ["le"] : Array.Empty<string>()];
                }
            }
        }
    }

    private static JsonNode Read(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, file)))!;

    private static IEnumerable<JsonNode> Panels(string file) => Read(file)["panels"]!.AsArray().Select(static one => one!);

    private static IEnumerable<(string Title, JsonNode Target)> Targets(JsonNode panel) =>
        (panel["targets"]?.AsArray() ?? []).Select(target => ((string)panel["title"]!, target!));
}
