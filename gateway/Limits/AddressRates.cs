// Hot path: per connection, where it is used.
namespace Mooring.Gateway.Limits;

/// <summary>Token buckets by client address, in a fixed amount of memory. Thread-safe.</summary>
/// <remarks>
/// A bucket that is full again is as good as none, so nothing need be remembered for long: 65,536 buckets in sets of eight, and a new client
/// takes the place of whichever of its set is full first. Only a flood of more than that at once can make it forget a client too early.
/// Sets are chosen by a keyed hash, so that nobody can aim at one.
/// </remarks>
internal sealed class AddressRates
{
    public const int Capacity = Sets * Ways;
    private const int Sets = 8192;
    private const int Ways = 8;
    private const int Gates = 64;

    private readonly ulong _key = BitConverter.ToUInt64(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8)) | 1;
    private readonly Bucket[] _buckets = new Bucket[Capacity];
    private readonly Lock[] _gates = [.. Enumerable.Range(0, Gates).Select(_ => new Lock())];

    /// <summary>Takes a token of a client. False when it has none.</summary>
    /// <param name="client">Its key.</param>
    /// <param name="limit">Holds from now on, whatever held before.</param>
    /// <param name="now">Microseconds of the loops' clock.</param>
    public bool TryTake(ulong client, RateLimit limit, long now)
    {
        var set = SetOf(client);
        lock (_gates[set % Gates])
        {
            var ways = _buckets.AsSpan(set * Ways, Ways);
            ref var oldest = ref ways[0];
            foreach (ref var bucket in ways)
            {
                if (bucket.Client == client && bucket.Full != 0)
                {
                    return limit.TryTake(ref bucket.Full, now);
                }

                if (bucket.Full < oldest.Full)
                {
                    oldest = ref bucket;
                }
            }

            oldest = new Bucket { Client = client };
            return limit.TryTake(ref oldest.Full, now);
        }
    }

    /// <summary>Gives back a token of a client that nothing came of.</summary>
    /// <param name="client">Its key.</param>
    /// <param name="limit">By which the token was taken.</param>
    public void Return(ulong client, RateLimit limit)
    {
        var set = SetOf(client);
        lock (_gates[set % Gates])
        {
            foreach (ref var bucket in _buckets.AsSpan(set * Ways, Ways))
            {
                if (bucket.Client == client && bucket.Full != 0)
                {
                    limit.Return(ref bucket.Full);
                    return;
                }
            }
        }
    }

    private int SetOf(ulong client) => (int)(Math.BigMul(client ^ _key, 0x9E37_79B9_7F4A_7C15 ^ _key, out var low) ^ low) & (Sets - 1);

    private struct Bucket
    {
        public ulong Client;

        /// <summary>0: the place is free.</summary>
        public long Full;
    }
}
