using System.Globalization;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry.Leases;
using StackExchange.Redis;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>The registry of a fleet of several processes: everything is in Redis, and each operation one script there.</summary>
/// <remarks>Thread-safe. Time is the server's: the gateways' clocks need not agree.</remarks>
internal sealed class RedisRegistry : IFleetRegistry
{
    private readonly RedisKeys _keys;
    private readonly RedisConnection _redis;

    /// <param name="fleet"><c>namespace/name</c>: its keys are its own.</param>
    /// <param name="settings">How to reach Redis.</param>
    /// <param name="counters">Told of each call.</param>
    /// <param name="time">The clock of deadlines.</param>
    public RedisRegistry(string fleet, RedisSettings settings, RegistryCounters counters, TimeProvider time)
    {
        _keys = new RedisKeys(fleet);
        _redis = new RedisConnection(settings, _keys.Counter, counters, time);
    }

    /// <summary>Why there is no connection; null while there is one.</summary>
    public string? Problem => _redis.Problem;

    public CallBreaker Breaker => _redis.Breaker;

    public async Task<RegisterAnswer> RegisterAsync(GatewayRecord record, TimeSpan ttl, bool replace)
    {
        RegistryLimits.Check(record.Name, RegistryLimits.MaxName, nameof(record));
        var answer = await RunAsync(
            RedisScript.Register,
            [_keys.Records, _keys.Expiries, _keys.Generations, _keys.Counter, _keys.Began],
            record.Name,
            Text(record.Generation),
            replace ? "1" : "0",
            Milliseconds(ttl),
            RecordJson.Write(record),
            RegistryLimits.MaxGateways
        );
        return new RegisterAnswer((long)answer[0] == 1, Number(answer[1]), Gateways(answer));
    }

    public Task UnregisterAsync(string name, long generation) =>
        _redis.RunAsync(RedisScript.Unregister, [_keys.Records, _keys.Expiries, _keys.Generations], name, Text(generation));

    public async Task<IReadOnlyList<GatewayRecord>> ListAsync() =>
        Gateways(await RunAsync(RedisScript.List, [_keys.Records, _keys.Expiries, _keys.Generations], RegistryLimits.MaxGateways));

    public async Task<ClaimAnswer> ClaimAsync(
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
        var answer = await RunAsync(
            RedisScript.Claim,
            [_keys.Owner(thing), _keys.Expiries, _keys.Generations, _keys.Counter, _keys.Began],
            gateway.Name,
            Text(gateway.Generation),
            force ? "1" : "0",
            Milliseconds(ttl),
            detail,
            Milliseconds(settle)
        );
        return (long)answer[0] switch
        {
            1 => new ClaimAnswer(ClaimResult.Owned, Owner(answer.AsSpan(1))),
            0 => new ClaimAnswer(ClaimResult.Taken, Owner(answer.AsSpan(1))),
            3 => new ClaimAnswer(ClaimResult.Settling, null),
            _ => new ClaimAnswer(ClaimResult.Fenced, null),
        };
    }

    public async Task<bool> RenewAsync(OwnedThing thing, Ownership ownership, TimeSpan ttl) =>
        (long)
            await _redis.RunAsync(
                RedisScript.Renew,
                [_keys.Owner(thing), _keys.Expiries, _keys.Generations],
                ownership.Gateway.Name,
                Text(ownership.Gateway.Generation),
                Text(ownership.Fence),
                Milliseconds(ttl)
            ) == 1;

    public Task ReleaseAsync(OwnedThing thing, Ownership ownership) =>
        _redis.RunAsync(RedisScript.Release, [_keys.Owner(thing)], Text(ownership.Fence));

    public async Task<Ownership?> FindAsync(OwnedThing thing)
    {
        var answer = await RunAsync(RedisScript.Find, [_keys.Owner(thing), _keys.Expiries, _keys.Generations]);
        return answer.Length == 0 ? null : Owner(answer);
    }

    public async Task<LeaseAnswer> LeaseAsync(LeaseRequest request)
    {
        RegistryLimits.Check(request.Limit, RegistryLimits.MaxName, nameof(request));
        var answer = await RunAsync(
            RedisScript.Lease,
            [_keys.Lease(request.Limit)],
            request.Gateway.Name,
            Text(request.Gateway.Generation),
            request.Total,
            request.Held,
            request.Want,
            request.Need,
            request.Even,
            Milliseconds(request.Ttl),
            Milliseconds(request.Settle),
            request.Sequence
        );
        return new LeaseAnswer(Small(answer[0]), Small(answer[1]), Small(answer[2]), Small(answer[3]));
    }

    public async Task<IReadOnlyList<bool>> CountAsync(string gateway, IReadOnlyList<IdentityPlace> places, TimeSpan ttl)
    {
        if (places.Count == 0)
        {
            return [];
        }

        var answer = await RunAsync(
            RedisScript.Count,
            [.. places.Select(place => _keys.Identity(place.Key))],
            [gateway, Milliseconds(ttl), .. places.SelectMany(place => new RedisValue[] { place.Count, place.Limit })]
        );
        return [.. answer.Select(noted => (long)noted == 1)];
    }

    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    private static RedisValue Milliseconds(TimeSpan time) => (long)time.TotalMilliseconds;

    private static RedisValue Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(RedisResult result) =>
        long.TryParse((string?)result, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RegistryUnavailableException("Redis holds a number that is none: are the keys somebody else's?");

    private static int Small(RedisResult result) => (int)Math.Clamp((long)result, 0, int.MaxValue);

    private static Ownership Owner(ReadOnlySpan<RedisResult> fields) =>
        new(new GatewayId((string?)fields[0] ?? "", Number(fields[1])), Number(fields[2]), (string?)fields[3] ?? "");

    private static IReadOnlyList<GatewayRecord> Gateways(RedisResult[] answer)
    {
        var records = (RedisResult[]?)answer[2] ?? [];
        var pairs = (RedisResult[]?)answer[3] ?? [];
        var generations = new Dictionary<string, long>();
        for (var i = 0; i + 1 < pairs.Length; i += 2)
        {
            generations[(string?)pairs[i] ?? ""] = Number(pairs[i + 1]);
        }

        var gateways = new List<GatewayRecord>();
        for (var i = 0; i + 1 < records.Length; i += 2)
        {
            var name = (string?)records[i] ?? "";
            if (
                generations.TryGetValue(name, out var generation)
                && RecordJson.Read((byte[]?)records[i + 1], name, generation) is { } record
            )
            {
                gateways.Add(record);
            }
        }

        return [.. gateways.OrderBy(gateway => gateway.Name, StringComparer.Ordinal)];
    }

    private async Task<RedisResult[]> RunAsync(string script, IReadOnlyList<RedisKey> keys, params IReadOnlyList<RedisValue> arguments) =>
        (RedisResult[]?)await _redis.RunAsync(script, keys, arguments) ?? [];
}
