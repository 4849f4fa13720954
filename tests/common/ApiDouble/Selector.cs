using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Mooring.Testing.ApiDouble;

/// <summary>Label and field selectors: equality, sets and existence.</summary>
internal static partial class Selector
{
    public static bool Matches(JsonObject value, string? labels, string? fields) =>
        MatchesLabels(value["metadata"]?["labels"] as JsonObject, labels) && MatchesFields(value, fields);

    /// <exception cref="ApiException">A selector that the real server would not take.</exception>
    public static void Check(ApiPath path, string? labels, string? fields)
    {
        if (!string.IsNullOrEmpty(labels) && Clauses().Split(labels).FirstOrDefault(static one => !Clause().IsMatch(one.Trim())) is { } bad)
        {
            throw ApiException.BadRequest($"unable to parse requirement: {bad}");
        }

        // Of a custom kind only these, unless its definition says more.
        var unknown =
            path.IsCustom && !string.IsNullOrEmpty(fields)
                ? fields.Split(',').Select(static one => one.Split('=')[0].TrimEnd('!')).FirstOrDefault(static one => !IsMetadataField(one))
                : null;
        if (unknown is not null)
        {
            throw ApiException.BadRequest($"field label not supported: {unknown}");
        }
    }

    private static bool IsMetadataField(string name) => name is "metadata.name" or "metadata.namespace";

    private static bool MatchesLabels(JsonObject? have, string? selector) =>
        string.IsNullOrEmpty(selector) || Clauses().Split(selector).All(clause => MatchesClause(have, clause.Trim()));

    private static bool MatchesClause(JsonObject? have, string clause)
    {
        var set = SetClause().Match(clause);
        if (set.Success)
        {
            var value = (string?)have?[set.Groups[1].Value];
            var listed = set.Groups[3].Value.Split(',', StringSplitOptions.TrimEntries).Contains(value);
            return set.Groups[2].Value == "in" ? value is not null && listed : !listed;
        }

        if (clause.Contains("!=", StringComparison.Ordinal))
        {
            var parts = clause.Split("!=");
            return (string?)have?[parts[0].Trim()] != parts[1].Trim();
        }

        if (clause.Contains('='))
        {
            var at = clause.IndexOf('=');
            return (string?)have?[clause[..at].Trim()] == clause[(at + 1)..].TrimStart('=').Trim();
        }

        return clause.StartsWith('!') ? have?[clause[1..]] is null : have?[clause] is not null;
    }

    private static bool MatchesFields(JsonObject value, string? selector) =>
        string.IsNullOrEmpty(selector)
        || selector
            .Split(',')
            .All(clause =>
            {
                var parts = clause.Split('=', 2);
                JsonNode? node = value;
                foreach (var name in parts[0].TrimEnd('!').Split('.'))
                {
                    node = (node as JsonObject)?[name];
                }

                return (node?.ToString() == parts[1].TrimStart('=')) != parts[0].EndsWith('!');
            });

    // Commas outside parentheses.
    [GeneratedRegex(@",(?![^(]*\))")]
    private static partial Regex Clauses();

    [GeneratedRegex(@"^(\S+)\s+(in|notin)\s*\(([^)]*)\)$")]
    private static partial Regex SetClause();

    [GeneratedRegex(@"^(!?[\w./-]+|[\w./-]+\s*(=|==|!=)\s*[\w.-]*|[\w./-]+\s+(in|notin)\s*\([\w., -]*\))$")]
    private static partial Regex Clause();
}
