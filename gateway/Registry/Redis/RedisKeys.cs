using StackExchange.Redis;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>Names of a fleet's keys: <c>mooring:{namespace/fleet}:…</c>, the braces being what Redis Cluster places them by, so that all of a fleet's are on one server.</summary>
internal sealed class RedisKeys
{
    private readonly string _prefix;

    /// <param name="fleet"><c>namespace/name</c>.</param>
    public RedisKeys(string fleet)
    {
        _prefix = $"mooring:{{{fleet}}}:";
        Records = _prefix + "gateways";
        Expiries = _prefix + "expiries";
        Generations = _prefix + "generations";
        Counter = _prefix + "counter";
        Began = _prefix + "began";
    }

    public RedisKey Records { get; }

    public RedisKey Expiries { get; }

    public RedisKey Generations { get; }

    public RedisKey Counter { get; }

    /// <summary>Since when this server remembers something of the fleet.</summary>
    public RedisKey Began { get; }

    public RedisKey Owner(OwnedThing thing) => _prefix + "tunnel:" + thing.Id;

    /// <summary>Counts of one user or device.</summary>
    public RedisKey Identity(ulong key) => $"{_prefix}identity:{key:x16}";

    public RedisKey Lease(string limit) => _prefix + "lease:" + limit;
}
