// Hot path: per connection. See tests/benchmarks.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Limits;

/// <summary>Open connections by client address.</summary>
/// <remarks>
/// Thread-safe, in 64 shards with a lock each, held for a look-up. Counted whether a limit is set or not, so that one set by a reload
/// holds from its first connection. An address without connections takes no memory, but for the slack of the tables.
/// </remarks>
internal sealed class AddressTable
{
    private const int Shards = 64;
    private readonly Shard[] _shards = new Shard[Shards];

    public AddressTable()
    {
        for (var i = 0; i < Shards; i++)
        {
            _shards[i] = new Shard();
        }
    }

    /// <summary>Addresses with an open connection.</summary>
    public int Count
    {
        get
        {
            var count = 0;
            foreach (var shard in _shards)
            {
                lock (shard.Gate)
                {
                    count += shard.Counts.Count;
                }
            }

            return count;
        }
    }

    /// <summary>Counts one more connection of a client. False, changing nothing, when it has <paramref name="limit"/> already; 0: no limit.</summary>
    public bool TryAcquire(ulong client, int limit)
    {
        var shard = ShardOf(client);
        lock (shard.Gate)
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(shard.Counts, client, out _);
            if (limit != 0 && count >= limit)
            {
                return false;
            }

            count++;
            return true;
        }
    }

    /// <summary>Takes back one <see cref="TryAcquire"/>.</summary>
    /// <exception cref="InvalidOperationException">The client has no connection counted: a bug, as each is released once.</exception>
    public void Release(ulong client)
    {
        var shard = ShardOf(client);
        lock (shard.Gate)
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrNullRef(shard.Counts, client);
            if (Unsafe.IsNullRef(ref count))
            {
                throw new InvalidOperationException("a client address was released twice");
            }

            if (--count == 0)
            {
                shard.Counts.Remove(client);
                // After a flood of addresses the table shrinks again; the factor keeps it from doing so back and forth.
                if (shard.Counts.Count * 8 + 64 < shard.Counts.Capacity)
                {
                    shard.Counts.TrimExcess(shard.Counts.Count * 2);
                }
            }
        }
    }

    private Shard ShardOf(ulong client) => _shards[(client * 0x9E37_79B9_7F4A_7C15) >> 58];

    private sealed class Shard
    {
        public readonly Lock Gate = new();
        public readonly Dictionary<ulong, int> Counts = [];
    }
}
