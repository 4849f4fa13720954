using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mooring.Operator.Reconciliation;

/// <summary>Says whether a live object still is what was applied. Pure.</summary>
/// <remarks>
/// The live object may have more (defaults, other managers' fields), never less or other. Lists whose items the API server merges by a key are
/// compared by that key, so that a sidecar put in by somebody else is not taken for drift: a server-side apply would not remove it either.
/// All other lists have to be equal item by item.
/// </remarks>
public static class LiveComparison
{
    // The keys by which the API server merges the lists that the operator's objects have, the most telling first.
    private static readonly string[] MergeKeys = ["name", "mountPath", "containerPort", "uid"];

    /// <summary>Path of the first field that is not as desired, such as <c>spec.replicas</c>; null when all are.</summary>
    public static string? FirstDifference(JsonNode? desired, JsonNode? live) => Compare(desired, live, "");

    private static string? Compare(JsonNode? desired, JsonNode? live, string path) => desired switch
    {
        null => null,
        JsonObject wanted => CompareObjects(wanted, live, path),
        JsonArray wanted => CompareLists(wanted, live, path),
        _ => live is JsonValue actual && SameValue(desired.AsValue(), actual) ? null : path,
    };

    private static string? CompareObjects(JsonObject desired, JsonNode? live, string path)
    {
        if (live is not JsonObject actual)
        {
            // The API server leaves empty maps out.
            return live is null && desired.Count == 0 ? null : path;
        }

        foreach (var (name, value) in desired)
        {
            if (Compare(value, actual[name], path.Length == 0 ? name : $"{path}.{name}") is { } difference)
            {
                return difference;
            }
        }

        return null;
    }

    private static string? CompareLists(JsonArray desired, JsonNode? live, string path)
    {
        if (live is not JsonArray actual)
        {
            return live is null && desired.Count == 0 ? null : path;
        }

        if (MergeKey(desired) is { } key)
        {
            return CompareByKey(desired, actual, key, path);
        }

        if (desired.Count != actual.Count)
        {
            return path;
        }

        for (var i = 0; i < desired.Count; i++)
        {
            if (Compare(desired[i], actual[i], $"{path}[{i}]") is { } difference)
            {
                return difference;
            }
        }

        return null;
    }

    private static string? CompareByKey(JsonArray desired, JsonArray live, string key, string path)
    {
        foreach (var item in desired)
        {
            var value = item![key]!;
            var match = live.FirstOrDefault(candidate => candidate is JsonObject && candidate[key] is JsonValue other && SameValue(value.AsValue(), other));
            if (Compare(item, match, $"{path}[{key}={value}]") is { } difference)
            {
                return difference;
            }
        }

        return null;
    }

    private static string? MergeKey(JsonArray items) => items.Count == 0
        ? null
        : Array.Find(MergeKeys, key =>
            items.All(item => item is JsonObject one && one[key] is JsonValue)
            && items.Select(item => item![key]!.ToJsonString()).Distinct(StringComparer.Ordinal).Count() == items.Count);

    private static bool SameValue(JsonValue one, JsonValue other)
    {
        var kind = one.GetValueKind();
        return kind == other.GetValueKind() && kind switch
        {
            JsonValueKind.String => one.GetValue<string>() == other.GetValue<string>(),
            JsonValueKind.Number => one.ToJsonString() == other.ToJsonString() || one.GetValue<decimal>() == other.GetValue<decimal>(),
            _ => true,
        };
    }
}
