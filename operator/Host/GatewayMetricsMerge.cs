using System.Text;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Host;

/// <summary>Puts the metrics of many gateways, each as its own <c>/metrics</c> says them, into one text in which each has the labels fleet and gateway. Pure.</summary>
internal static class GatewayMetricsMerge
{
    /// <summary>The families that <paramref name="written"/> has not, of all who answered, each family once.</summary>
    /// <param name="answers">Text format 0.0.4; what is none is left out.</param>
    /// <param name="written">What stands before it: a family may come only once.</param>
    public static string Write(IReadOnlyList<GatewayAnswer> answers, string written)
    {
        var known = Lines(written).Where(static line => line.StartsWith("# TYPE ", StringComparison.Ordinal)).Select(FamilyOf).ToHashSet();
        var families = new Dictionary<string, (List<string> Head, List<string> Samples)>(StringComparer.Ordinal);
        var order = new List<string>();
        foreach (var (fleet, gateway, answer) in answers)
        {
            var whose = HostMetrics.Labels(("fleet", fleet), ("gateway", gateway));
            var family = "";
            var isNew = false;
            foreach (var line in Lines(answer?.Metrics ?? ""))
            {
                if (line.StartsWith("# ", StringComparison.Ordinal))
                {
                    if (FamilyOf(line) is { Length: > 0 } name)
                    {
                        isNew = name == family ? isNew : families.TryAdd(name, ([], []));
                        if (isNew && name != family)
                        {
                            order.Add(name);
                        }

                        family = name;
                        if (isNew)
                        {
                            families[name].Head.Add(line);
                        }
                    }
                }
                else if (family.Length > 0 && line.StartsWith(family, StringComparison.Ordinal) && Labelled(line, whose) is { } sample)
                {
                    families[family].Samples.Add(sample);
                }
            }
        }

        var text = new StringBuilder();
        foreach (var (head, samples) in order.Where(name => !known.Contains(name)).Select(name => families[name]))
        {
            head.Concat(samples).ToList().ForEach(line => text.Append(line).Append('\n'));
        }

        return text.ToString();
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Of <c># HELP name …</c> and <c># TYPE name …</c>; empty: of another comment.</summary>
    private static string FamilyOf(string line) => line.Split(' ', 4) is [_, "HELP" or "TYPE", var name, ..] ? name : "";

    private static string? Labelled(string line, string whose)
    {
        var end = line.AsSpan().IndexOfAny('{', ' ');
        return end < 0 ? null
            : line[end] == ' ' ? $"{line[..end]}{{{whose}}}{line[end..]}"
            : $"{line[..end]}{{{whose}{(line.AsSpan(end).StartsWith("{}") ? "" : ",")}{line[(end + 1)..]}";
    }
}
