using System.Text;

namespace Mooring.Gateway.Balancing;

/// <summary>Consistent hashing after Maglev (Eisenbud et al., NSDI 2016, §3.4): a table that gives each endpoint an even share of the keys.</summary>
/// <remarks>
/// A pure function of the endpoints' keys (their addresses) and weights, in any order: every gateway builds the same table. When one of n endpoints goes,
/// its keys move and few others do. Immutable and thread-safe; 128 KiB.
/// </remarks>
internal sealed class MaglevTable
{
    /// <summary>Prime, so that every skip walks all slots, and of the paper's "small" size: shares within 1 % up to some 600 endpoints.</summary>
    public const int Size = 65_537;

    private readonly ushort[] _slots;

    /// <summary>Indexes of the endpoints in the order of their keys.</summary>
    private readonly int[] _order;

    private MaglevTable(ushort[] slots, int[] order) => (_slots, _order) = (slots, order);

    /// <param name="endpoints">Key, best unique, and weight of each; at most 65,535.</param>
    public static MaglevTable Build(IReadOnlyList<(string Key, int Weight)> endpoints)
    {
        var slots = new ushort[Size];
        if (endpoints.Count == 0)
        {
            return new MaglevTable(slots, []);
        }

        // Turns are taken in the order of keys, so that the table does not depend on the order in which endpoints are listed.
        var order = Enumerable.Range(0, endpoints.Count).OrderBy(i => endpoints[i].Key, StringComparer.Ordinal).ToArray();
        var next = new uint[order.Length];
        var skip = new uint[order.Length];
        var credit = new int[order.Length];
        var maxWeight = endpoints.Max(e => e.Weight);
        for (var i = 0; i < order.Length; i++)
        {
            var hash = Hash(Encoding.UTF8.GetBytes(endpoints[order[i]].Key));
            next[i] = (uint)(hash % Size);
            skip[i] = (uint)((hash >> 32) % (Size - 1)) + 1;
        }

        var taken = new bool[Size];
        for (var filled = 0; filled < Size; )
        {
            for (var i = 0; i < order.Length && filled < Size; i++)
            {
                credit[i] += endpoints[order[i]].Weight;
                if (credit[i] < maxWeight)
                {
                    continue;
                }

                credit[i] -= maxWeight;
                while (taken[next[i]])
                {
                    next[i] = (next[i] + skip[i]) % Size;
                }

                taken[next[i]] = true;
                slots[next[i]] = (ushort)order[i];
                filled++;
            }
        }

        return new MaglevTable(slots, order);
    }

    /// <summary>Index of the endpoint for a key, or -1 when no endpoint is available.</summary>
    /// <remarks>While an endpoint is out, its keys go on to other slots, spread over the rest, and come back with it; no other key moves.</remarks>
    public int Pick<TView>(TView endpoints, ulong key)
        where TView : struct, IEndpointView
    {
        var count = endpoints.Count;
        if (count == 0)
        {
            return -1;
        }

        var hash = Mix(key);
        for (var i = 0; i < 32; i++)
        {
            var index = _slots[hash % Size];
            if (index < count && endpoints.Available(index))
            {
                return index;
            }

            hash = Mix(hash + 1);
        }

        // Nearly all are out: the next that is in, in the order that every gateway has.
        var start = (int)(hash % (uint)count);
        for (var i = 0; i < count; i++)
        {
            var index = _order[(start + i) % count];
            if (endpoints.Available(index))
            {
                return index;
            }
        }

        return -1;
    }

    // FNV-1a, then mixed: the same on every gateway and in every version, unlike the runtime's seeded string hash.
    private static ulong Hash(ReadOnlySpan<byte> text)
    {
        var hash = 14_695_981_039_346_656_037ul;
        foreach (var b in text)
        {
            hash = (hash ^ b) * 1_099_511_628_211ul;
        }

        return Mix(hash);
    }

    // The finalizer of SplitMix64.
    private static ulong Mix(ulong x)
    {
        x += 0x9E37_79B9_7F4A_7C15;
        x = (x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9;
        x = (x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB;
        return x ^ (x >> 31);
    }
}
