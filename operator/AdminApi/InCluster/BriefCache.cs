using System.Diagnostics.CodeAnalysis;

namespace Mooring.Operator.AdminApi.InCluster;

/// <summary>Remembers answers for a short time, and not more of them than it is told. Thread-safe.</summary>
internal sealed class BriefCache<T>(int capacity, TimeSpan lifetime, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (T Value, long At)> _entries = new(StringComparer.Ordinal);

    public bool TryFind(string key, [MaybeNullWhen(false)] out T value)
    {
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var entry) && time.GetElapsedTime(entry.At) < lifetime)
            {
                value = entry.Value;
                return true;
            }

            value = default;
            return false;
        }
    }

    public void Keep(string key, T value)
    {
        lock (_lock)
        {
            if (_entries.Count >= capacity)
            {
                foreach (
                    var old in _entries
                        .Where(entry => time.GetElapsedTime(entry.Value.At) >= lifetime)
                        .Select(static entry => entry.Key)
                        .ToList()
                )
                {
                    _entries.Remove(old);
                }

                // A flood of strangers costs everybody one more question, and no memory.
                if (_entries.Count >= capacity)
                {
                    _entries.Clear();
                }
            }

            _entries[key] = (value, time.GetTimestamp());
        }
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }
}
