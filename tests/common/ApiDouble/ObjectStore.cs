using System.Globalization;
using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Change of one object, as watches tell it.</summary>
internal sealed record StoredChange(long Version, ResourceKey Resource, string Type, JsonObject? Before, JsonObject Object);

/// <summary>A kind of object in the store.</summary>
public readonly record struct ResourceKey(string Group, string Plural);

/// <summary>The objects of the double, with one version counter and a history for watches. Thread-safe.</summary>
internal sealed class ObjectStore
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<(string Group, string Plural, string Namespace, string Name), Stored> _objects = new(
        KeyComparer.Instance
    );
    private readonly List<StoredChange> _history = [];
    private readonly List<Watcher> _watchers = [];
    private long _version = 1000;
    private long _compacted;

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

    /// <summary>One page. A continue token is the version it began at and the last key.</summary>
    public JsonObject List(ApiPath path, string? labels, string? fields, int limit, string? token)
    {
        lock (_lock)
        {
            var version = _version;
            var after = "";
            if (token is { Length: > 0 })
            {
                var parts = token.Split('|', 2);
                version = long.Parse(parts[0], CultureInfo.InvariantCulture);
                after = parts[1];
                if (version < _compacted)
                {
                    throw ApiException.Expired("The provided continue parameter is too old to display a consistent list result.");
                }
            }

            var all = _objects
                .Where(one =>
                    one.Key.Group == path.Group
                    && one.Key.Plural == path.Plural
                    && (path.Namespace is null || one.Key.Namespace == path.Namespace)
                    && string.CompareOrdinal($"{one.Key.Namespace}/{one.Key.Name}", after) > 0
                    && Selector.Matches(one.Value.Value, labels, fields)
                )
                .ToArray();
            var page = limit > 0 ? all.Take(limit).ToArray() : all;
            var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) };
            if (page.Length < all.Length)
            {
                metadata["continue"] = $"{version}|{page[^1].Key.Namespace}/{page[^1].Key.Name}";
                metadata["remainingItemCount"] = all.Length - page.Length;
            }

            var items = new JsonArray();
            foreach (var (_, stored) in page)
            {
                var item = (JsonObject)stored.Value.DeepClone();
                item.Remove("apiVersion");
                item.Remove("kind");
                items.Add(item);
            }

            return new JsonObject
            {
                ["kind"] = "List",
                ["apiVersion"] = path.ApiVersion,
                ["metadata"] = metadata,
                ["items"] = items,
            };
        }
    }

    public JsonObject Create(ApiPath path, JsonObject value, string manager, bool dryRun)
    {
        lock (_lock)
        {
            var metadata = Metadata(value);
            metadata["name"] ??=
                $"{(string?)metadata["generateName"] ?? throw new ApiException(422, "Invalid", "name or generateName is required")}{Guid.NewGuid():N}"[
                    ..^27
                ];
            var key = Key(path, (string)metadata["name"]!);
            if (_objects.ContainsKey(key))
            {
                throw new ApiException(409, "AlreadyExists", $"{path.Plural} \"{key.Name}\" already exists");
            }

            if (metadata["resourceVersion"] is not null)
            {
                throw new ApiException(400, "BadRequest", "resourceVersion should not be set on objects to be created");
            }

            if (path.Namespace is not null)
            {
                metadata["namespace"] = path.Namespace;
            }

            metadata["uid"] = Guid.NewGuid().ToString();
            metadata["creationTimestamp"] = "2026-01-01T00:00:00Z";
            metadata["generation"] = 1L;
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
    public JsonObject Change(ApiPath path, string manager, bool dryRun, bool owns, Func<JsonObject, FieldOwners, JsonObject> change)
    {
        lock (_lock)
        {
            var stored = Find(path);
            var before = stored.Value;
            var after = change((JsonObject)before.DeepClone(), stored.Owners);
            var asked = (string?)Metadata(after)["resourceVersion"];
            var present = (string?)before["metadata"]!["resourceVersion"];
            if (!string.IsNullOrEmpty(asked) && asked != present)
            {
                throw ApiException.Conflict(
                    path.Plural,
                    path.Name!,
                    "the object has been modified; please apply your changes to the latest version and try again"
                );
            }

            Keep(before, after, path.Subresource);
            if (JsonNode.DeepEquals(before, after))
            {
                return (JsonObject)before.DeepClone();
            }

            if (!JsonNode.DeepEquals(before["spec"], after["spec"]))
            {
                after["metadata"]!["generation"] = (long?)before["metadata"]!["generation"] + 1;
            }

            if (dryRun)
            {
                return (JsonObject)after.DeepClone();
            }

            if (owns)
            {
                stored.Owners.Update(manager, before, after);
            }

            var key = Key(path, path.Name!);
            stored.Value = after;
            if (after["metadata"]!["deletionTimestamp"] is not null && after["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
            {
                Remove(key, after);
            }
            else
            {
                Record(key, "MODIFIED", before, after);
            }

            return (JsonObject)after.DeepClone();
        }
    }

    public JsonObject Delete(ApiPath path, string? uid, string? version)
    {
        lock (_lock)
        {
            var stored = Find(path);
            var metadata = stored.Value["metadata"]!;
            if (
                (uid is not null && (string?)metadata["uid"] != uid)
                || (version is not null && (string?)metadata["resourceVersion"] != version)
            )
            {
                throw ApiException.Conflict(path.Plural, path.Name!, "the precondition does not match");
            }

            var key = Key(path, path.Name!);
            if (metadata["finalizers"] is not JsonArray { Count: > 0 })
            {
                Remove(key, stored.Value);
            }
            else if (metadata["deletionTimestamp"] is null)
            {
                var before = (JsonObject)stored.Value.DeepClone();
                metadata["deletionTimestamp"] = "2026-01-01T00:01:00Z";
                metadata["deletionGracePeriodSeconds"] = 0;
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

    /// <summary>Starts a watch: what changed since a version, or everything there is.</summary>
    public Watcher Watch(ApiPath path, string? labels, string? fields, string? version)
    {
        lock (_lock)
        {
            var watcher = new Watcher(path, labels, fields);
            if (string.IsNullOrEmpty(version) || version == "0")
            {
                foreach (var (key, stored) in _objects.Where(one => one.Key.Group == path.Group && one.Key.Plural == path.Plural))
                {
                    watcher.Tell(new StoredChange(_version, new ResourceKey(key.Group, key.Plural), "ADDED", null, stored.Value));
                }
            }
            else
            {
                var since = long.Parse(version, CultureInfo.InvariantCulture);
                if (since < _compacted)
                {
                    throw ApiException.Expired($"too old resource version: {since} ({_compacted})");
                }

                foreach (var change in _history.Where(one => one.Version > since))
                {
                    watcher.Tell(change);
                }
            }

            _watchers.Add(watcher);
            return watcher;
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

    // What a write to this endpoint cannot touch stays as it was.
    private static void Keep(JsonObject before, JsonObject after, string? subresource)
    {
        if (subresource == "status")
        {
            foreach (var (name, _) in before.ToArray())
            {
                if (name is not "status")
                {
                    after[name] = before[name]!.DeepClone();
                }
            }
        }
        else
        {
            after.Remove("status");
            if (before["status"] is { } status)
            {
                after["status"] = status.DeepClone();
            }
        }

        foreach (
            var name in (string[])
                [
                    "uid",
                    "creationTimestamp",
                    "generation",
                    "deletionTimestamp",
                    "deletionGracePeriodSeconds",
                    "resourceVersion",
                    "name",
                    "namespace",
                ]
        )
        {
            var metadata = (JsonObject)after["metadata"]!;
            metadata.Remove(name);
            if (before["metadata"]![name] is { } was)
            {
                metadata[name] = was.DeepClone();
            }
        }
    }

    private void Remove((string Group, string Plural, string Namespace, string Name) key, JsonObject value)
    {
        _objects.Remove(key);
        Record(key, "DELETED", value, value);
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
        _objects.TryGetValue(Key(path, path.Name!), out var stored) ? stored : throw ApiException.NotFound(path.Plural, path.Name!);

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

        public FieldOwners Owners { get; } = new();
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
