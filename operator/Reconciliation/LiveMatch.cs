using System.Text.Json;

namespace Mooring.Operator.Reconciliation;

/// <summary>The rules of <see cref="LiveComparison"/> as a yes or no, on JSON as it was read: nearly always the answer is yes. Pure.</summary>
internal static class LiveMatch
{
    /// <param name="keys">The keys by which lists may be merged, the most telling first.</param>
    public static bool IsAsDesired(JsonElement desired, JsonElement live, string[] keys) => Matches(desired, live, keys, Place.Root);

    // Of the paths only that of a Service's ports matters.
    private enum Place
    {
        Root,
        Spec,
        Ports,
        Elsewhere,
    }

    private static bool Matches(JsonElement desired, JsonElement? live, string[] keys, Place place) =>
        (desired.ValueKind, live?.ValueKind) switch
        {
            (JsonValueKind.Null, _) => true,
            (JsonValueKind.Object, JsonValueKind.Object) => ObjectMatches(desired, live!.Value, keys, place),
            (JsonValueKind.Array, JsonValueKind.Array) => ListMatches(desired, live!.Value, keys, place),
            (JsonValueKind.Object, null or JsonValueKind.Null) => !desired.EnumerateObject().MoveNext(),
            (JsonValueKind.Array, null or JsonValueKind.Null) => desired.GetArrayLength() == 0,
            (var one, var other) => one == other && JsonElement.DeepEquals(desired, live!.Value),
        };

    private static bool ObjectMatches(JsonElement desired, JsonElement live, string[] keys, Place place)
    {
        foreach (var member in desired.EnumerateObject())
        {
            var inner =
                place == Place.Root && member.NameEquals("spec"u8) ? Place.Spec
                : place == Place.Spec && member.NameEquals("ports"u8) ? Place.Ports
                : Place.Elsewhere;
            if (!Matches(member.Value, live.TryGetProperty(member.Name, out var value) ? value : null, keys, inner))
            {
                return false;
            }
        }

        return true;
    }

    private static bool ListMatches(JsonElement desired, JsonElement live, string[] keys, Place place)
    {
        if (MergeKey(desired, keys) is { } key)
        {
            return (place != Place.Ports || live.GetArrayLength() <= desired.GetArrayLength())
                && desired.EnumerateArray().All(item => Matches(item, Find(live, key, item.GetProperty(key)), keys, Place.Elsewhere));
        }

        if (desired.GetArrayLength() != live.GetArrayLength())
        {
            return false;
        }

        var other = live.EnumerateArray();
        foreach (var item in desired.EnumerateArray())
        {
            other.MoveNext();
            if (!Matches(item, other.Current, keys, Place.Elsewhere))
            {
                return false;
            }
        }

        return true;
    }

    private static JsonElement? Find(JsonElement live, string key, JsonElement value)
    {
        foreach (var item in live.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Object && item.TryGetProperty(key, out var other) && JsonElement.DeepEquals(value, other))
            {
                return item;
            }
        }

        return null;
    }

    private static string? MergeKey(JsonElement items, string[] keys) =>
        items.GetArrayLength() == 0 ? null : Array.Find(keys, key => Tells(items, key));

    /// <summary>Whether all items have the key, and each another.</summary>
    private static bool Tells(JsonElement items, string key)
    {
        var seen = 0;
        foreach (var item in items.EnumerateArray())
        {
            if (
                item.ValueKind != JsonValueKind.Object
                || !item.TryGetProperty(key, out var value)
                || value.ValueKind is JsonValueKind.Object or JsonValueKind.Array or JsonValueKind.Null
            )
            {
                return false;
            }

            foreach (var earlier in items.EnumerateArray().Take(seen))
            {
                if (JsonElement.DeepEquals(earlier.GetProperty(key), value))
                {
                    return false;
                }
            }

            seen++;
        }

        return true;
    }
}
