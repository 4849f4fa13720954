using System.Globalization;
using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Change of one object, as watches tell it.</summary>
internal sealed record StoredChange(long Version, ResourceKey Resource, string Type, JsonObject? Before, JsonObject Object);

/// <summary>A kind of object in the store.</summary>
public readonly record struct ResourceKey(string Group, string Plural);

/// <summary>The objects of the double, with one version counter and a history for watches. Thread-safe.</summary>
internal sealed partial class ObjectStore
{
    // As of a server that has run for a while: older versions are expired.
    private const long FirstVersion = 1000;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<(string Group, string Plural, string Namespace, string Name), Stored> _objects = new(
        KeyComparer.Instance
    );
    private readonly List<StoredChange> _history = [];
    private readonly List<Watcher> _watchers = [];
    private long _version = FirstVersion;
    private long _compacted = FirstVersion;

    /// <summary>Removes what an object owned when it goes.</summary>
    public bool CollectGarbage { get; set; }

    public long Version
    {
        get
        {
            lock (_lock)
            {
                return _version;
            }
        }
    }

    public JsonObject Get(ApiPath path)
    {
        lock (_lock)
        {
            return (JsonObject)Find(path).Value.DeepClone();
        }
    }

    public JsonObject Create(ApiPath path, JsonObject value, FieldManager manager, bool dryRun)
    {
        lock (_lock)
        {
            WriteRules.CheckName(path, value);
            var metadata = Metadata(value);
            metadata["name"] ??=
                $"{(string?)metadata["generateName"] ?? throw new ApiException(422, "Invalid", "name or generateName is required")}{Guid.NewGuid():N}"[
                    ..^27
                ];
            var key = Key(path, (string)metadata["name"]!);
            if (_objects.ContainsKey(key))
            {
                throw ApiException.AlreadyExists(path with { Name = key.Name });
            }

            if (metadata["resourceVersion"] is not null)
            {
                throw new ApiException(500, "", "resourceVersion should not be set on objects to be created");
            }

            if (path.Namespace is not null)
            {
                metadata["namespace"] = path.Namespace;
            }

            metadata["uid"] = Guid.NewGuid().ToString();
            metadata["creationTimestamp"] = "2026-01-01T00:00:00Z";
            metadata.Remove("generation");
            if (WriteRules.HasGeneration(path))
            {
                metadata["generation"] = 1L;
            }

            WriteRules.Trim(metadata);
            value.Remove("status");
            var stored = new Stored { Value = value };
            stored.Owners.Update(manager, null, value);
            if (!dryRun)
            {
                _objects[key] = stored;
                Record(key, "ADDED", null, value);
            }

            return (JsonObject)value.DeepClone();
        }
    }

    /// <summary>Changes an object by a function of its present state.</summary>
    /// <param name="change">Changes its argument, a copy, in place or returns another object.</param>
    public JsonObject Change(ApiPath path, FieldManager manager, bool dryRun, bool owns, Func<JsonObject, FieldOwners, JsonObject> change)
    {
        lock (_lock)
        {
            var stored = Find(path);
            var before = stored.Value;
            var owners = stored.Owners.Clone();
            var after = change((JsonObject)before.DeepClone(), owners);
            Metadata(after);
            WriteRules.CheckUpdate(path, before, after);
            WriteRules.Keep(before, after, path.Subresource);
            if (owns)
            {
                owners.Update(manager, before, after);
            }

            // Who owns what is part of the object.
            if (JsonNode.DeepEquals(before, after) && owners.SameAs(stored.Owners))
            {
                return (JsonObject)before.DeepClone();
            }

            if (after["metadata"]!["generation"] is { } generation && WriteRules.IsNewGeneration(before, after))
            {
                after["metadata"]!["generation"] = (long)generation + 1;
            }

            if (dryRun)
            {
                return (JsonObject)after.DeepClone();
            }

            var key = Key(path, path.Name!);
            (stored.Value, stored.Owners) = (after, owners);
            if (after["metadata"]!["deletionTimestamp"] is not null && after["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
            {
                Remove(key, before, after);
            }
            else
            {
                Record(key, "MODIFIED", before, after);
            }

            return (JsonObject)after.DeepClone();
        }
    }

    public JsonObject Delete(ApiPath path, string? uid, string? version, bool dryRun = false)
    {
        lock (_lock)
        {
            var stored = Find(path);
            var metadata = stored.Value["metadata"]!;
            foreach (
                var (what, field, asked) in ((string, string, string?)[])
                    [("UID", "uid", uid), ("ResourceVersion", "resourceVersion", version)]
            )
            {
                if (asked is not null && asked != (string?)metadata[field])
                {
                    throw ApiException.Precondition(path, WriteRules.Kind(stored.Value), what, asked, (string?)metadata[field]);
                }
            }

            var key = Key(path, path.Name!);
            var before = (JsonObject)stored.Value.DeepClone();
            if (dryRun)
            {
                return before;
            }

            if (metadata["finalizers"] is not JsonArray { Count: > 0 })
            {
                Remove(key, before, stored.Value);
            }
            else if (metadata["deletionTimestamp"] is null)
            {
                metadata["deletionTimestamp"] = "2026-01-01T00:01:00Z";
                metadata["deletionGracePeriodSeconds"] = 0;
                if (metadata["generation"] is { } generation)
                {
                    metadata["generation"] = (long)generation + 1;
                }

                Record(key, "MODIFIED", before, stored.Value);
            }

            return (JsonObject)stored.Value.DeepClone();
        }
    }

    /// <summary>Forgets all history: older versions and continue tokens are expired from now on.</summary>
    public void Compact()
    {
        lock (_lock)
        {
            _history.Clear();
            _compacted = ++_version;
        }
    }

    public void Unwatch(Watcher watcher)
    {
        lock (_lock)
        {
            _watchers.Remove(watcher);
        }
    }

    public IReadOnlyList<Watcher> Watchers()
    {
        lock (_lock)
        {
            return [.. _watchers];
        }
    }

    private void Remove((string Group, string Plural, string Namespace, string Name) key, JsonObject before, JsonObject value)
    {
        _objects.Remove(key);
        Record(key, "DELETED", before, value);
        if (!CollectGarbage)
        {
            return;
        }

        var uid = (string?)value["metadata"]!["uid"];
        foreach (var (owned, stored) in _objects.ToArray())
        {
            if (stored.Value["metadata"]!["ownerReferences"] is JsonArray owners && owners.Any(one => (string?)one!["uid"] == uid))
            {
                Delete(
                    new ApiPath(owned.Group, "v1", owned.Plural, owned.Namespace.Length == 0 ? null : owned.Namespace, owned.Name, null),
                    null,
                    null
                );
            }
        }
    }

    private void Record((string Group, string Plural, string Namespace, string Name) key, string type, JsonObject? before, JsonObject value)
    {
        value["metadata"]!["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        var change = new StoredChange(
            _version,
            new ResourceKey(key.Group, key.Plural),
            type,
            (JsonObject?)before?.DeepClone(),
            (JsonObject)value.DeepClone()
        );
        _history.Add(change);
        foreach (var watcher in _watchers)
        {
            watcher.Tell(change);
        }
    }

    private Stored Find(ApiPath path) =>
        _objects.TryGetValue(Key(path, path.Name!), out var stored) ? stored : throw ApiException.NotFound(path);

    private static JsonObject Metadata(JsonObject value)
    {
        if (value["metadata"] is not JsonObject metadata)
        {
            value["metadata"] = metadata = [];
        }

        return metadata;
    }

    private static (string Group, string Plural, string Namespace, string Name) Key(ApiPath path, string name) =>
        (path.Group, path.Plural, path.Namespace ?? "", name);

    private sealed class Stored
    {
        public required JsonObject Value { get; set; }

        public FieldOwners Owners { get; set; } = new();
    }

    private sealed class KeyComparer : IComparer<(string Group, string Plural, string Namespace, string Name)>
    {
        public static readonly KeyComparer Instance = new();

        public int Compare(
            (string Group, string Plural, string Namespace, string Name) x,
            (string Group, string Plural, string Namespace, string Name) y
        )
        {
            var order = string.CompareOrdinal(x.Group, y.Group);
            order = order != 0 ? order : string.CompareOrdinal(x.Plural, y.Plural);
            return order != 0 ? order : string.CompareOrdinal($"{x.Namespace}/{x.Name}", $"{y.Namespace}/{y.Name}");
        }
    }
}
