using System.Globalization;
using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

// Lists and watches.
internal sealed partial class ObjectStore
{
    /// <summary>One page. A continue token is the version it began at and the last key: all pages show that one moment.</summary>
    public JsonObject List(ApiPath path, string? labels, string? fields, int limit, string? token)
    {
        lock (_lock)
        {
            Selector.Check(path, labels, fields);
            var version = _version;
            var after = "";
            if (token is { Length: > 0 })
            {
                (version, after) = Resume(token);
            }

            var all = At(version, path)
                .Where(one => string.CompareOrdinal(one.Key, after) > 0 && Selector.Matches(one.Value, labels, fields))
                .ToArray();
            var page = limit > 0 ? all.Take(limit).ToArray() : all;
            var metadata = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) };
            if (page.Length < all.Length)
            {
                metadata["continue"] = $"{version}|{page[^1].Key}";
                // As the real one, which counts only what no selector hides.
                if (string.IsNullOrEmpty(labels) && string.IsNullOrEmpty(fields))
                {
                    metadata["remainingItemCount"] = all.Length - page.Length;
                }
            }

            var items = new JsonArray();
            foreach (var (_, value) in page)
            {
                var item = (JsonObject)value.DeepClone();
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

    /// <summary>Starts a watch: what changed since a version, or everything there is.</summary>
    public Watcher Watch(ApiPath path, string? labels, string? fields, string? version)
    {
        lock (_lock)
        {
            Selector.Check(path, labels, fields);
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
                if (!long.TryParse(version, CultureInfo.InvariantCulture, out var since))
                {
                    throw new ApiException(500, "", $"strconv.ParseUint: parsing \"{version}\": invalid syntax");
                }

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

    private (long Version, string After) Resume(string token)
    {
        var parts = token.Split('|', 2);
        if (parts.Length < 2 || !long.TryParse(parts[0], CultureInfo.InvariantCulture, out var version))
        {
            throw ApiException.BadRequest("continue key is not valid: illegal base64 data");
        }

        return version >= _compacted
            ? (version, parts[1])
            : throw ApiException.Expired("The provided continue parameter is too old to display a consistent list result.");
    }

    // What there was at a version, by namespace and name: the present with the later changes taken back.
    private SortedDictionary<string, JsonObject> At(long version, ApiPath path)
    {
        SortedDictionary<string, JsonObject> then = new(StringComparer.Ordinal);
        foreach (var (key, stored) in _objects)
        {
            if (key.Group == path.Group && key.Plural == path.Plural)
            {
                then[$"{key.Namespace}/{key.Name}"] = stored.Value;
            }
        }

        var resource = new ResourceKey(path.Group, path.Plural);
        foreach (var change in _history.Where(one => one.Version > version && one.Resource == resource).Reverse())
        {
            var metadata = change.Object["metadata"]!;
            var key = $"{metadata["namespace"]}/{metadata["name"]}";
            if (change.Before is { } before)
            {
                then[key] = before;
            }
            else
            {
                then.Remove(key);
            }
        }

        foreach (
            var key in then.Keys.Where(one => path.Namespace is { } ns && !one.StartsWith($"{ns}/", StringComparison.Ordinal)).ToArray()
        )
        {
            then.Remove(key);
        }

        return then;
    }
}
