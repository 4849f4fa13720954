using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry.Leases;

namespace Mooring.Gateway.Registry;

/// <summary>The registry of a fleet that is one process: everything is in this process's memory.</summary>
/// <remarks>Thread-safe. Never unavailable.</remarks>
internal sealed class MemoryRegistry(TimeProvider time) : IFleetRegistry
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _gateways = [];
    private readonly Dictionary<OwnedThing, Owned> _owned = [];
    private readonly Dictionary<string, LeaseTable> _leases = [];
    private readonly Dictionary<(ulong Key, string Gateway), (int Count, long Expiry)> _counts = [];
    private long _lastNumber;

    /// <summary>Since when there is something to remember; 0: never yet.</summary>
    private long _began;

    private long Now => time.GetTimestamp() / (time.TimestampFrequency / 1000);

    public Task<RegisterAnswer> RegisterAsync(GatewayRecord record, TimeSpan ttl, bool replace)
    {
        RegistryLimits.Check(record.Name, RegistryLimits.MaxName, nameof(record));
        lock (_gate)
        {
            Prune();
            var known = _gateways.GetValueOrDefault(record.Name);
            if (known is not null && known.Record.Generation != record.Generation && !replace)
            {
                return Task.FromResult(new RegisterAnswer(false, known.Record.Generation, List()));
            }

            if (known is null && _gateways.Count >= RegistryLimits.MaxGateways)
            {
                throw new RegistryUnavailableException($"the fleet has {RegistryLimits.MaxGateways} gateways already");
            }

            _began = _began == 0 ? Now : _began;
            var generation = known?.Record.Generation == record.Generation ? record.Generation : NextNumber();
            _gateways[record.Name] = new Entry(record with { Generation = generation }, Now + Milliseconds(ttl));
            return Task.FromResult(new RegisterAnswer(true, generation, List()));
        }
    }

    public Task UnregisterAsync(string name, long generation)
    {
        lock (_gate)
        {
            if (IsLive(new GatewayId(name, generation)))
            {
                _gateways.Remove(name);
            }
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<GatewayRecord>> ListAsync()
    {
        lock (_gate)
        {
            Prune();
            return Task.FromResult(List());
        }
    }

    public Task<ClaimAnswer> ClaimAsync(
        OwnedThing thing,
        GatewayId gateway,
        string detail,
        TimeSpan ttl,
        bool force,
        TimeSpan settle = default
    )
    {
        RegistryLimits.Check(thing.Id, RegistryLimits.MaxName, nameof(thing));
        RegistryLimits.Check(detail + " ", RegistryLimits.MaxDetail + 1, nameof(detail));
        lock (_gate)
        {
            Prune();
            if (!IsLive(gateway))
            {
                return Task.FromResult(new ClaimAnswer(ClaimResult.Fenced, null));
            }

            var known = _owned.GetValueOrDefault(thing)?.Ownership;
            var same = known?.Gateway == gateway;
            if (known is not null && !same && !force && IsLive(known.Gateway))
            {
                return Task.FromResult(new ClaimAnswer(ClaimResult.Taken, known));
            }

            if (known is null && Now - _began < Milliseconds(settle))
            {
                return Task.FromResult(new ClaimAnswer(ClaimResult.Settling, null));
            }

            var ownership = new Ownership(gateway, same ? known!.Fence : NextNumber(), detail);
            _owned[thing] = new Owned(ownership, Now + Milliseconds(ttl));
            return Task.FromResult(new ClaimAnswer(ClaimResult.Owned, ownership));
        }
    }

    public Task<bool> RenewAsync(OwnedThing thing, Ownership ownership, TimeSpan ttl)
    {
        lock (_gate)
        {
            Prune();
            var good = IsLive(ownership.Gateway) && _owned.TryGetValue(thing, out var known) && known.Ownership.Fence == ownership.Fence;
            if (good)
            {
                _owned[thing] = _owned[thing] with { Expiry = Now + Milliseconds(ttl) };
            }

            return Task.FromResult(good);
        }
    }

    public Task ReleaseAsync(OwnedThing thing, Ownership ownership)
    {
        lock (_gate)
        {
            if (_owned.TryGetValue(thing, out var known) && known.Ownership.Fence == ownership.Fence)
            {
                _owned.Remove(thing);
            }
        }

        return Task.CompletedTask;
    }

    public Task<Ownership?> FindAsync(OwnedThing thing)
    {
        lock (_gate)
        {
            Prune();
            var known = _owned.GetValueOrDefault(thing)?.Ownership;
            return Task.FromResult(known is not null && IsLive(known.Gateway) ? known : null);
        }
    }

    public Task<LeaseAnswer> LeaseAsync(LeaseRequest request)
    {
        RegistryLimits.Check(request.Limit, RegistryLimits.MaxName, nameof(request));
        lock (_gate)
        {
            var now = Now;
            foreach (var over in _leases.Where(table => table.Value.IsOver(now)).Select(table => table.Key).ToArray())
            {
                _leases.Remove(over);
            }

            if (!_leases.TryGetValue(request.Limit, out var table))
            {
                _leases.Add(request.Limit, table = new LeaseTable());
            }

            return Task.FromResult(table.Lease(request, now));
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static long Milliseconds(TimeSpan time) => (long)time.TotalMilliseconds;

    private long NextNumber() => ++_lastNumber;

    public Task<IReadOnlyList<bool>> CountAsync(string gateway, IReadOnlyList<IdentityPlace> places, TimeSpan ttl)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<bool>>([.. places.Select(place => Note(gateway, place, Milliseconds(ttl)))]);
        }
    }

    private bool Note(string gateway, IdentityPlace place, long ttl)
    {
        var now = Now;
        foreach (var ended in _counts.Where(entry => entry.Value.Expiry <= now).Select(entry => entry.Key).ToArray())
        {
            _counts.Remove(ended);
        }

        var others = _counts.Where(entry => entry.Key.Key == place.Key && entry.Key.Gateway != gateway).Sum(entry => entry.Value.Count);
        if (place.Limit > 0 && others + place.Count > place.Limit)
        {
            return false;
        }

        if (place.Count > 0)
        {
            _counts[(place.Key, gateway)] = (place.Count, now + ttl);
        }
        else
        {
            _counts.Remove((place.Key, gateway));
        }

        return true;
    }

    private bool IsLive(GatewayId gateway) =>
        _gateways.TryGetValue(gateway.Name, out var entry) && entry.Record.Generation == gateway.Generation && entry.Expiry > Now;

    private void Prune()
    {
        var now = Now;
        foreach (var name in _gateways.Where(entry => entry.Value.Expiry <= now).Select(entry => entry.Key).ToArray())
        {
            _gateways.Remove(name);
        }

        foreach (var thing in _owned.Where(entry => entry.Value.Expiry <= now).Select(entry => entry.Key).ToArray())
        {
            _owned.Remove(thing);
        }
    }

    private IReadOnlyList<GatewayRecord> List() =>
        [.. _gateways.Values.Select(entry => entry.Record).OrderBy(record => record.Name, StringComparer.Ordinal)];

    private sealed record Entry(GatewayRecord Record, long Expiry);

    private sealed record Owned(Ownership Ownership, long Expiry);
}
