using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mooring.Operator.Reconciliation;

/// <summary>A field of a live object that is not as it was applied.</summary>
/// <param name="Path">Such as <c>spec.replicas</c>, or <c>spec.template.spec.containers[name=gateway].image</c>.</param>
/// <param name="Live">The live value as JSON; empty where there is none.</param>
public readonly record struct Difference(string Path, string Live)
{
    public override string ToString() => $"{Path} is {(Live.Length == 0 ? "missing" : Live)}";
}

/// <summary>Says whether a live object still is what was applied. Pure.</summary>
/// <remarks>
/// The live object may have more (defaults, other managers' fields), never less or other. Lists whose items the API server merges by a key are
/// compared by that key, so that a sidecar put in by somebody else is not taken for drift: a server-side apply would not remove it either.
/// A Service's ports are compared so too, but may have no others beside them.
/// All other lists have to be equal item by item.
/// </remarks>
public static class LiveComparison
{
    // The keys by which the API server merges the lists that the operator's objects have, the most telling first.
    private static readonly string[] MergeKeys = ["name", "mountPath", "containerPort", "uid"];

    /// <summary>A Service's ports: those of the listeners and no others, for each is a way in.</summary>
    public const string ServicePorts = "spec.ports";

    /// <summary>Every field of <paramref name="desired"/> that <paramref name="live"/> lacks or has otherwise; none when all is as desired.</summary>
    public static IEnumerable<Difference> Differences(JsonNode? desired, JsonNode? live) => Compare(desired, live, "");

    /// <summary>Whether there is no difference, for a fraction of the cost; both are JSON texts.</summary>
    /// <exception cref="JsonException">One of them is no JSON.</exception>
    public static bool IsAsDesired(ReadOnlyMemory<byte> desired, ReadOnlyMemory<byte> live)
    {
        using var wanted = JsonDocument.Parse(desired);
        using var actual = JsonDocument.Parse(live);
        return LiveMatch.IsAsDesired(wanted.RootElement, actual.RootElement, MergeKeys);
    }

    /// <summary>As <see cref="IsAsDesired"/>, and which state of the object it was that was looked at.</summary>
    public static (string? Uid, string? Version, bool IsAsDesired) Look(ReadOnlyMemory<byte> desired, ReadOnlyMemory<byte> live)
    {
        using var wanted = JsonDocument.Parse(desired);
        using var actual = JsonDocument.Parse(live);
        var metadata = actual.RootElement.TryGetProperty("metadata"u8, out var found) ? found : default;
        return (Text("uid"), Text("resourceVersion"), LiveMatch.IsAsDesired(wanted.RootElement, actual.RootElement, MergeKeys));

        string? Text(string name) =>
            metadata.ValueKind == JsonValueKind.Object
            && metadata.TryGetProperty(name, out var value)
            && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
    }

    private static IEnumerable<Difference> Compare(JsonNode? desired, JsonNode? live, string path) =>
        (desired, live) switch
        {
            (null, _) => [],
            (JsonObject wanted, JsonObject actual) => CompareObjects(wanted, actual, path),
            (JsonArray wanted, JsonArray actual) => MergeKey(wanted) is { } key
                ? CompareByKey(wanted, actual, key, path)
                : CompareItems(wanted, actual, path),
            // The API server leaves empty maps and lists out.
            (JsonObject { Count: 0 } or JsonArray { Count: 0 }, null) => [],
            (JsonValue wanted, JsonValue actual) when SameValue(wanted, actual) => [],
            _ => [new Difference(path, live?.ToJsonString() ?? "")],
        };

    private static IEnumerable<Difference> CompareObjects(JsonObject desired, JsonObject live, string path) =>
        desired.SelectMany(member => Compare(member.Value, live[member.Key], path.Length == 0 ? member.Key : $"{path}.{member.Key}"));

    private static IEnumerable<Difference> CompareItems(JsonArray desired, JsonArray live, string path) =>
        desired.Count != live.Count
            ? [new Difference(path, live.ToJsonString())]
            : desired.Zip(live).SelectMany((pair, index) => Compare(pair.First, pair.Second, $"{path}[{index}]"));

    private static IEnumerable<Difference> CompareByKey(JsonArray desired, JsonArray live, string key, string path)
    {
        var differences = desired.SelectMany(item =>
        {
            var value = item![key]!.AsValue();
            var match = live.FirstOrDefault(candidate =>
                candidate is JsonObject && candidate[key] is JsonValue other && SameValue(value, other)
            );
            return Compare(item, match, $"{path}[{key}={value}]");
        });
        return path == ServicePorts && live.Count > desired.Count
            ? differences.Prepend(new Difference(path, live.ToJsonString()))
            : differences;
    }

    private static string? MergeKey(JsonArray items) =>
        items.Count == 0
            ? null
            : Array.Find(
                MergeKeys,
                key =>
                    items.All(item => item is JsonObject one && one[key] is JsonValue)
                    && items.Select(item => item![key]!.ToJsonString()).Distinct(StringComparer.Ordinal).Count() == items.Count
            );

    private static bool SameValue(JsonValue one, JsonValue other)
    {
        var kind = one.GetValueKind();
        return kind == other.GetValueKind()
            && kind switch
            {
                JsonValueKind.String => one.GetValue<string>() == other.GetValue<string>(),
                JsonValueKind.Number => Number(one) == Number(other),
                _ => true,
            };
    }

    // Through text: a value that was parsed and one that was made are read in different ways otherwise.
    private static decimal Number(JsonValue value) => decimal.Parse(value.ToJsonString(), System.Globalization.NumberStyles.Float, null);
}
