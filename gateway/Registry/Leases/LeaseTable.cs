namespace Mooring.Gateway.Registry.Leases;

/// <summary>The shares of one limit: what the registry does with a <see cref="LeaseRequest"/>. Pure: time is an argument.</summary>
/// <remarks>
/// Not thread-safe. The Lua script of <c>Redis/Scripts/lease.lua</c> is the same in Redis's own language, and a test holds the two against each other.
/// Whatever is asked, in whatever order, the live shares add up to no more than the greatest total
/// that any of their holders asked with.
/// </remarks>
internal sealed class LeaseTable
{
    private readonly Dictionary<string, Share> _shares = [];
    private long _opened = -1;
    private long _end;

    /// <summary>Shares that are alive, by gateway.</summary>
    public IReadOnlyDictionary<string, int> Live(long now) =>
        _shares.Where(share => share.Value.Expiry > now).ToDictionary(share => share.Key, share => share.Value.Held);

    /// <summary>It holds nothing that is alive, and has forgotten when it began.</summary>
    public bool IsOver(long now) => now >= _end;

    /// <param name="request">The wish.</param>
    /// <param name="now">In milliseconds, of one clock for all requests.</param>
    public LeaseAnswer Lease(LeaseRequest request, long now)
    {
        if (_opened < 0 || IsOver(now))
        {
            _shares.Clear();
            _opened = now;
        }

        foreach (var (name, share) in _shares.ToArray())
        {
            if (share.Expiry <= now)
            {
                _shares.Remove(name);
            }
        }

        var others = 0L;
        var lacking = 0L;
        var holders = 1;
        foreach (var (name, share) in _shares)
        {
            if (name == request.Gateway.Name)
            {
                if ((share.Generation, share.Sequence).CompareTo((request.Gateway.Generation, request.Sequence)) > 0)
                {
                    // An earlier life of the gateway with this name, or a request that was held up: nobody waits for the answer.
                    return new LeaseAnswer(0, Clamp(others), 0, _shares.Count);
                }

                continue;
            }

            others += share.Held;
            lacking += share.Short;
            holders++;
        }

        var ttl = (long)request.Ttl.TotalMilliseconds;
        var most = now - _opened < (long)request.Settle.TotalMilliseconds ? Math.Max(request.Held, request.Even) : request.Total;
        var granted = (int)Math.Max(0, Math.Min(Math.Min(request.Want, most), request.Total - others));
        _shares[request.Gateway.Name] = new Share(
            granted,
            now + ttl,
            Math.Max(0, request.Need - granted),
            request.Gateway.Generation,
            request.Sequence
        );
        _end = Math.Max(_end, now + 2 * ttl);
        return new LeaseAnswer(granted, Clamp(others), Clamp(lacking), holders);
    }

    private static int Clamp(long value) => (int)Math.Min(value, int.MaxValue);

    private readonly record struct Share(int Held, long Expiry, int Short, long Generation, long Sequence);
}
