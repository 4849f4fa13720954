// Hot path: per publication. See tests/benchmarks.
using System.Numerics;

namespace Mooring.Gateway.Hub;

/// <summary>What <see cref="NameTable{T}"/> finds by its name.</summary>
internal interface INamed
{
    /// <summary>Never changes.</summary>
    string Name { get; }

    /// <summary><see cref="NameTable{T}.HashOf"/> of the name, so that a table that grows need not read it.</summary>
    int NameHash { get; }
}

/// <summary>Objects by the name that each of them has: 8 bytes a slot, up to three quarters of which are used. Not thread-safe.</summary>
/// <remarks>A dictionary from names takes 28 bytes for each and for those to come, which for the many channels of one subscriber was the most of them.</remarks>
internal sealed class NameTable<T>
    where T : class, INamed
{
    private const int MinSlots = 8;

    private T?[] _slots = [];

    public int Count { get; private set; }

    /// <summary>All of them, in no order. The table must not change meanwhile.</summary>
    public IEnumerable<T> All => _slots.Where(static one => one is not null)!;

    public static int HashOf(ReadOnlySpan<char> name) => string.GetHashCode(name, StringComparison.Ordinal);

    public T? Find(ReadOnlySpan<char> name) => Count == 0 ? null : _slots[Place(name, HashOf(name))];

    /// <summary>Adds one whose name is not there yet.</summary>
    public void Add(T item)
    {
        if ((Count + 1) * 4 > _slots.Length * 3)
        {
            Resize(Math.Max(MinSlots, _slots.Length * 2));
        }

        ref var slot = ref _slots[Place(item.Name, item.NameHash)];
        if (slot is not null)
        {
            throw new ArgumentException("There is one of that name.", nameof(item));
        }

        slot = item;
        Count++;
    }

    /// <summary>Takes one out; false: it was not in, whatever else has its name.</summary>
    public bool Remove(T item)
    {
        if (Count == 0)
        {
            return false;
        }

        var mask = _slots.Length - 1;
        var hole = Place(item.Name, item.NameHash);
        if (_slots[hole] != item)
        {
            return false;
        }

        // What follows moves up, where it may, so that no search ends early at the hole.
        for (var at = (hole + 1) & mask; _slots[at] is { } next; at = (at + 1) & mask)
        {
            if (((at - next.NameHash) & mask) >= ((at - hole) & mask))
            {
                (_slots[hole], hole) = (next, at);
            }
        }

        _slots[hole] = null;
        Count--;
        if (_slots.Length > MinSlots && Count < _slots.Length / 8)
        {
            Resize((int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(MinSlots, Count * 2)));
        }

        return true;
    }

    /// <summary>Where it is, or would be.</summary>
    private int Place(ReadOnlySpan<char> name, int hash)
    {
        var mask = _slots.Length - 1;
        var at = hash & mask;
        while (_slots[at] is { } one && (one.NameHash != hash || !name.SequenceEqual(one.Name)))
        {
            at = (at + 1) & mask;
        }

        return at;
    }

    private void Resize(int length)
    {
        var old = _slots;
        _slots = new T?[length];
        var mask = length - 1;
        foreach (var one in old)
        {
            if (one is not null)
            {
                var at = one.NameHash & mask;
                while (_slots[at] is not null)
                {
                    at = (at + 1) & mask;
                }

                _slots[at] = one;
            }
        }
    }
}
