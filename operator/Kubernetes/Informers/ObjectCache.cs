using System.Diagnostics.CodeAnalysis;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Informers;

/// <summary>An informer's objects, by key and by index. Read-only to its users; any number may read at once.</summary>
/// <remarks>What it returns is shared: never change it. Lists are copies of the moment.</remarks>
public sealed class ObjectCache<T>
    where T : class, IKubernetesObject
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, T> _objects = [];
    private readonly Dictionary<string, Index> _indexes = new(StringComparer.Ordinal);

    internal ObjectCache(IReadOnlyDictionary<string, Func<T, IEnumerable<string>>> indexers)
    {
        foreach (var (name, keys) in indexers)
        {
            _indexes.Add(name, new Index(keys));
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _objects.Count;
            }
        }
    }

    /// <summary>Finds one object; null when there is none.</summary>
    public T? Find(ObjectKey key)
    {
        lock (_lock)
        {
            return _objects.GetValueOrDefault(key);
        }
    }

    /// <inheritdoc cref="Find(ObjectKey)"/>
    public T? Find(string? ns, string name) => Find(new ObjectKey(ns ?? "", name));

    /// <inheritdoc cref="Find(ObjectKey)"/>
    public bool TryFind(ObjectKey key, [NotNullWhen(true)] out T? value) => (value = Find(key)) is not null;

    /// <summary>All objects, in no order.</summary>
    public IReadOnlyList<T> List()
    {
        lock (_lock)
        {
            return [.. _objects.Values];
        }
    }

    /// <summary>The objects that an index has under a key, in no order.</summary>
    /// <exception cref="ArgumentException">There is no such index.</exception>
    public IReadOnlyList<T> ByIndex(string index, string key)
    {
        lock (_lock)
        {
            var found = _indexes.TryGetValue(index, out var by) ? by : throw new ArgumentException($"no index '{index}'", nameof(index));
            return found.Keys.TryGetValue(key, out var keys) ? [.. keys.Select(one => _objects[one])] : [];
        }
    }

    /// <summary>Puts an object in. Returns what was there under its key.</summary>
    internal T? Set(ObjectKey key, T value)
    {
        lock (_lock)
        {
            var old = _objects.GetValueOrDefault(key);
            foreach (var index in _indexes.Values)
            {
                index.Move(key, old, value);
            }

            _objects[key] = value;
            return old;
        }
    }

    /// <summary>Takes an object out. Returns it; null when there was none.</summary>
    internal T? Remove(ObjectKey key)
    {
        lock (_lock)
        {
            if (!_objects.Remove(key, out var old))
            {
                return null;
            }

            foreach (var index in _indexes.Values)
            {
                index.Move(key, old, null);
            }

            return old;
        }
    }

    internal IReadOnlyList<ObjectKey> AllKeys()
    {
        lock (_lock)
        {
            return [.. _objects.Keys];
        }
    }

    private sealed class Index(Func<T, IEnumerable<string>> keysOf)
    {
        public Dictionary<string, HashSet<ObjectKey>> Keys { get; } = new(StringComparer.Ordinal);

        public void Move(ObjectKey key, T? old, T? value)
        {
            foreach (var name in old is null ? [] : keysOf(old))
            {
                if (Keys.TryGetValue(name, out var keys) && keys.Remove(key) && keys.Count == 0)
                {
                    Keys.Remove(name);
                }
            }

            foreach (var name in value is null ? [] : keysOf(value))
            {
                if (!Keys.TryGetValue(name, out var keys))
                {
                    Keys[name] = keys = [];
                }

                keys.Add(key);
            }
        }
    }
}
