using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Under which name fields are owned. One name owns separately what it applied, what it wrote, and each subresource.</summary>
internal readonly record struct FieldManager(string Name, bool Applies, string? Subresource, string ApiVersion)
{
    public override string ToString()
    {
        var name = Subresource is null ? $"\"{Name}\"" : $"\"{Name}\" with subresource \"{Subresource}\"";
        return Applies ? name : $"{name} using {ApiVersion} at 2026-01-01T00:00:00Z";
    }
}

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

    private readonly Dictionary<FieldManager, HashSet<string>> _byManager = [];

    public FieldOwners Clone()
    {
        var copy = new FieldOwners();
        foreach (var (manager, owned) in _byManager)
        {
            copy._byManager[manager] = [.. owned];
        }

        return copy;
    }

    public bool SameAs(FieldOwners other) =>
        _byManager.Keys.Union(other._byManager.Keys).All(manager => Of(manager).SetEquals(other.Of(manager)));

    /// <summary>A create, replace or patch: what changed belongs to the manager, what went to nobody.</summary>
    public void Update(FieldManager manager, JsonObject? before, JsonObject after)
    {
        var old = Leaves(before);
        var now = Leaves(after);
        var changed = now.Where(one => !old.TryGetValue(one.Key, out var was) || !JsonNode.DeepEquals(was, one.Value))
            .Select(one => one.Key)
            .ToArray();
        foreach (var owned in _byManager.Values)
        {
            owned.ExceptWith(changed);
            owned.ExceptWith(old.Keys.Except(now.Keys));
        }

        Of(manager).UnionWith(changed);
    }

    /// <summary>A server-side apply: writes the configuration into the object, and takes out what the manager gave up.</summary>
    /// <exception cref="ApiException">Another manager owns a field that would change.</exception>
    public void Apply(FieldManager manager, JsonObject live, JsonObject configuration, bool force)
    {
        var wanted = Leaves(configuration);
        var present = Leaves(live);
        List<(FieldManager Manager, string Path)> conflicts = [];
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

    private HashSet<string> Of(FieldManager manager)
    {
        if (!_byManager.TryGetValue(manager, out var owned))
        {
            _byManager[manager] = owned = [];
        }

        return owned;
    }

    private static ApiException Conflict(List<(FieldManager Manager, string Path)> conflicts)
    {
        var causes = new JsonArray();
        foreach (var (manager, path) in conflicts)
        {
            causes.Add(
                new JsonObject
                {
                    ["reason"] = "FieldManagerConflict",
                    ["message"] = $"conflict with {manager}",
                    ["field"] = Shown(path),
                }
            );
        }

        var list =
            conflicts.Count == 1
                ? $"1 conflict: conflict with {conflicts[0].Manager}: {Shown(conflicts[0].Path)}"
                : $"{conflicts.Count} conflicts: "
                    + string.Join(
                        '\n',
                        conflicts
                            .GroupBy(static one => one.Manager)
                            .Select(static of =>
                                $"conflicts with {of.Key}:{string.Concat(of.Select(static one => $"\n- {Shown(one.Path)}"))}"
                            )
                    );
        return new ApiException(409, "Conflict", $"Apply failed with {list}", new JsonObject { ["causes"] = causes });
    }

    private static string Shown(string path) => path.Replace("\u2024", ".", StringComparison.Ordinal);

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
