using System.Globalization;
using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Merge and JSON patches.</summary>
internal static class Patches
{
    /// <summary>RFC 7386, in place.</summary>
    public static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null)
            {
                target.Remove(name);
            }
            else if (value is JsonObject members)
            {
                if (target[name] is not JsonObject inner)
                {
                    target[name] = inner = [];
                }

                Merge(inner, members);
            }
            else
            {
                target[name] = value.DeepClone();
            }
        }
    }

    /// <summary>RFC 6902 (add, remove, replace, test), in place.</summary>
    /// <exception cref="ApiException">An operation that cannot be done.</exception>
    public static void Json(JsonObject target, JsonArray operations)
    {
        foreach (var operation in operations.OfType<JsonObject>())
        {
            var path = ((string?)operation["path"] ?? "").Split('/').Skip(1).Select(Unescape).ToArray();
            JsonNode? parent = target;
            foreach (var part in path[..^1])
            {
                parent = parent is JsonArray items ? items[int.Parse(part, CultureInfo.InvariantCulture)] : parent?[part];
            }

            Apply((string?)operation["op"], parent, path[^1], operation["value"]);
        }
    }

    private static void Apply(string? op, JsonNode? parent, string last, JsonNode? value)
    {
        var exists = parent is JsonArray list
            ? last != "-" && int.Parse(last, CultureInfo.InvariantCulture) < list.Count
            : parent?[last] is not null;
        switch (op)
        {
            case "test" when exists && JsonNode.DeepEquals(Child(parent!, last), value):
                return;
            case "remove" when exists && parent is JsonArray items:
                items.RemoveAt(int.Parse(last, CultureInfo.InvariantCulture));
                return;
            case "remove" when exists:
                ((JsonObject)parent!).Remove(last);
                return;
            case "add" when parent is JsonArray items:
                items.Insert(last == "-" ? items.Count : int.Parse(last, CultureInfo.InvariantCulture), value?.DeepClone());
                return;
            case "replace" when exists && parent is JsonArray items:
                items[int.Parse(last, CultureInfo.InvariantCulture)] = value?.DeepClone();
                return;
            case "add" when parent is JsonObject members:
                members[last] = value?.DeepClone();
                return;
            case "replace" when exists:
                ((JsonObject)parent!)[last] = value?.DeepClone();
                return;
            default:
                throw new ApiException(422, "Invalid", $"the server rejected our request due to an error in our request: {op} {last}");
        }
    }

    private static JsonNode? Child(JsonNode parent, string name) =>
        parent is JsonArray items ? items[int.Parse(name, CultureInfo.InvariantCulture)] : parent[name];

    private static string Unescape(string part) =>
        part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
}
