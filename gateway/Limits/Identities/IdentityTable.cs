using System.Runtime.InteropServices;

namespace Mooring.Gateway.Limits.Identities;

/// <summary>Open WebSockets of this gateway by user and by device.</summary>
/// <remarks>
/// Thread-safe, in 64 shards with a lock each, held for a look-up. Only connections of listeners that tell clients apart are in it. With
/// <see cref="Fleet"/> set, changes are noted for those who keep the count of the whole fleet.
/// </remarks>
internal sealed class IdentityTable
{
    private const int Shards = 64;
    private readonly Shard[] _shards = [.. Enumerable.Range(0, Shards).Select(_ => new Shard())];
    private IFleetCount? _fleet;

    /// <summary>Null: the limits are this gateway's alone.</summary>
    public IFleetCount? Fleet
    {
        get => Volatile.Read(ref _fleet);
        set => Volatile.Write(ref _fleet, value);
    }

    /// <summary>Users and devices with an open WebSocket.</summary>
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

    /// <summary>Counts one more. 0, changing nothing, at the limit; else how many there are with it.</summary>
    /// <param name="key">Who.</param>
    /// <param name="limit">0: none.</param>
    public int TryAcquire(ulong key, int limit)
    {
        var shard = ShardOf(key);
        lock (shard.Gate)
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(shard.Counts, key, out _);
            return limit != 0 && count >= limit ? 0 : ++count;
        }
    }

    /// <summary>Takes back one <see cref="TryAcquire"/>.</summary>
    public void Release(ulong key)
    {
        var shard = ShardOf(key);
        lock (shard.Gate)
        {
            ref var count = ref CollectionsMarshal.GetValueRefOrAddDefault(shard.Counts, key, out _);
            if (--count <= 0)
            {
                shard.Counts.Remove(key);
                if (shard.Counts.Count * 8 + 64 < shard.Counts.Capacity)
                {
                    shard.Counts.TrimExcess(shard.Counts.Count * 2);
                }
            }
        }

        Fleet?.Changed(key);
    }

    /// <summary>How many there are now.</summary>
    public int Of(ulong key)
    {
        var shard = ShardOf(key);
        lock (shard.Gate)
        {
            return shard.Counts.GetValueOrDefault(key);
        }
    }

    /// <summary>Everybody who has an open WebSocket now.</summary>
    public List<ulong> Keys()
    {
        var keys = new List<ulong>();
        foreach (var shard in _shards)
        {
            lock (shard.Gate)
            {
                keys.AddRange(shard.Counts.Keys);
            }
        }

        return keys;
    }

    private Shard ShardOf(ulong key) => _shards[key >> 58];

    private sealed class Shard
    {
        public readonly Lock Gate = new();
        public readonly Dictionary<ulong, int> Counts = [];
    }
}

/// <summary>Keeps the count of all gateways together. Thread-safe; never waits.</summary>
internal interface IFleetCount
{
    /// <summary>Asks whether the fleet has room for one more, which is counted on this gateway already.</summary>
    /// <param name="places">Who, how many of this gateway with this one, and the limit of the fleet.</param>
    /// <param name="answer">Called once from any thread: which of the places has none left, or -1. Not called while the registry is away.</param>
    void Ask(IReadOnlyList<IdentityPlace> places, Action<int> answer);

    /// <summary>This gateway has fewer of these.</summary>
    void Changed(ulong key);
}

/// <param name="Key">Who.</param>
/// <param name="Count">Connections of this gateway.</param>
/// <param name="Limit">Of all gateways; 0: to be noted, whatever the others have.</param>
internal readonly record struct IdentityPlace(ulong Key, int Count, int Limit);
