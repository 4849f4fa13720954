using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Who owns which fields of one object. Simplified: lists are owned whole.</summary>
internal sealed class FieldOwners
{
    private static readonly HashSet<string> NobodysFields =
    [
        ".apiVersion",
        ".kind",
        ".metadata.name",
        ".metadata.namespace",
        ".metadata.uid",
        ".metadata.resourceVersion",
        ".metadata.generation",
        ".metadata.creationTimestamp",
        ".metadata.deletionTimestamp",
        ".metadata.deletionGracePeriodSeconds",
        ".metadata.generateName",
    ];

    private readonly Dictionary<string, HashSet<string>> _byManager = new(StringComparer.Ordinal);

    /// <summary>A create, replace or patch: what changed belongs to the manager, and to nobody else.</summary>
    public void Update(string manager, JsonObject? before, JsonObject after)
    {
        var old = Leaves(before);
        var changed = Leaves(after)
            .Where(one => !old.TryGetValue(one.Key, out var was) || !JsonNode.DeepEquals(was, one.Value))
            .Select(one => one.Key);
        foreach (var path in changed.ToArray())
        {
            foreach (var owned in _byManager.Values)
            {
                owned.Remove(path);
            }

            Of(manager).Add(path);
        }
    }

    /// <summary>A server-side apply: writes the configuration into the object, and takes out what the manager gave up.</summary>
    /// <exception cref="ApiException">Another manager owns a field that would change.</exception>
    public void Apply(string manager, JsonObject live, JsonObject configuration, bool force)
    {
        var wanted = Leaves(configuration);
        var present = Leaves(live);
        List<(string Manager, string Path)> conflicts = [];
        foreach (var (path, value) in wanted)
        {
            if (present.TryGetValue(path, out var now) && JsonNode.DeepEquals(now, value))
            {
                continue;
            }

            conflicts.AddRange(
                _byManager.Where(other => other.Key != manager && other.Value.Contains(path)).Select(other => (other.Key, path))
            );
        }

        if (conflicts.Count > 0 && !force)
        {
            throw Conflict(conflicts);
        }

        foreach (var (other, path) in conflicts)
        {
            _byManager[other].Remove(path);
        }

        var mine = Of(manager);
        foreach (var given in mine.Except(wanted.Keys).ToArray())
        {
            mine.Remove(given);
            if (!_byManager.Values.Any(owned => owned.Contains(given)))
            {
                Remove(live, given);
            }
        }

        mine.UnionWith(wanted.Keys);
        Patches.Merge(live, configuration);
    }

    private HashSet<string> Of(string manager)
    {
        if (!_byManager.TryGetValue(manager, out var owned))
        {
            _byManager[manager] = owned = [];
        }

        return owned;
    }

    private static ApiException Conflict(List<(string Manager, string Path)> conflicts)
    {
        var causes = new JsonArray();
        foreach (var (manager, path) in conflicts)
        {
            causes.Add(
                new JsonObject
                {
                    ["reason"] = "FieldManagerConflict",
                    ["message"] = $"conflict with \"{manager}\" using v1",
                    ["field"] = path,
                }
            );
        }

        return new ApiException(
            409,
            "Conflict",
            $"Apply failed with {conflicts.Count} conflict(s): conflict with \"{conflicts[0].Manager}\": {conflicts[0].Path}",
            causes
        );
    }

    // Names may hold dots (labels), so a path's parts are kept apart by what no key can have and shown with dots.
    private static Dictionary<string, JsonNode?> Leaves(JsonObject? value)
    {
        Dictionary<string, JsonNode?> leaves = new(StringComparer.Ordinal);
        Walk(value, "");
        return leaves;

        void Walk(JsonObject? node, string path)
        {
            foreach (var (name, member) in node ?? [])
            {
                var at = $"{path}.{name.Replace(".", "\u2024", StringComparison.Ordinal)}";
                if (NobodysFields.Contains(at))
                {
                    continue;
                }

                if (member is JsonObject { Count: > 0 } inner)
                {
                    Walk(inner, at);
                }
                else
                {
                    leaves[at] = member;
                }
            }
        }
    }

    private static void Remove(JsonObject live, string path)
    {
        var parts = path.Split('.')[1..].Select(static part => part.Replace("\u2024", ".", StringComparison.Ordinal)).ToArray();
        var parent = live;
        foreach (var part in parts[..^1])
        {
            if (parent[part] is not JsonObject inner)
            {
                return;
            }

            parent = inner;
        }

        parent.Remove(parts[^1]);
    }
}
