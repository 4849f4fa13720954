using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Registry.Redis;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Registry;

/// <summary>The registry that the config in force names, from one config to the next.</summary>
/// <remarks>Thread-safe. A config that leaves the registry as it is disturbs nothing.</remarks>
internal sealed class RegistryService(
    FleetShare share,
    Func<GatewayRecord> record,
    RegistryEnvironment environment,
    GatewayLog log,
    TimeProvider time
) : IAsyncDisposable
{
    private readonly SemaphoreSlim _applying = new(1);
    private readonly RegistryCounters _counters = new();
    private Current? _current;
    private FleetIdentities? _identities;

    /// <summary>What is counted by user and device; null: nobody is.</summary>
    public IdentityTable? Identities { get; init; }

    /// <summary>Whether there are open tunnels, for whose visitors connections are taken while the gateway drains; null: never.</summary>
    public Func<bool>? HasTunnels { get; init; }

    /// <summary>Null before the first config.</summary>
    public RegistryView? View() => Volatile.Read(ref _current) is { } current ? current.Agent.View(current.Capacity) : null;

    /// <summary>What tunnels need of it; null before the first config.</summary>
    public Tunnels.TunnelRegistry? Tunnels() => Volatile.Read(ref _current) is { } current ? current.Agent.Tunnels(current.Capacity) : null;

    /// <summary>Others are to know soon what has changed here.</summary>
    public void BeatSoon() => Volatile.Read(ref _current)?.Agent.BeatSoon();

    /// <summary>Puts the registry of an accepted config in force.</summary>
    public async Task ApplyAsync(GatewayConfig config)
    {
        await _applying.WaitAsync();
        try
        {
            var redis = Settings(config, environment);
            var ttl = (config.Registry ?? new RegistryConfig()).Ttl;
            var key = $"{ttl}|{Key(config, redis)}";
            var before = _current;
            if (before?.Key == key)
            {
                await CountAsync(config, before.Registry);
                before.Agent.SetLimit(config.Capacity.Fleet);
                Volatile.Write(ref _current, before with { Capacity = config.Capacity });
                return;
            }

            if (before is not null)
            {
                await CountAsync(config, null);
                await before.Agent.DisposeAsync();
            }

            var leases = new LeaseKeeper(share, () => record().Load, time);
            IFleetRegistry registry = redis is null ? new MemoryRegistry(time) : new RedisRegistry(config.Fleet, redis, _counters, time);
            var agent = new RegistryAgent(registry, ttl, share, leases, config.Capacity.Fleet, record, _counters, log, time, HasTunnels);
            Volatile.Write(ref _current, new Current(key, agent, redis is null ? null : registry, config.Capacity));
            await CountAsync(config, redis is null ? null : registry);
        }
        finally
        {
            _applying.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_identities is { } identities)
        {
            await identities.DisposeAsync();
        }

        if (_current is { } current)
        {
            await current.Agent.DisposeAsync();
        }

        _applying.Dispose();
    }

    /// <summary>The Hub's brokers: where the registry is, in Redis or in memory.</summary>
    public static HubBrokers Brokers(RegistryEnvironment environment, TimeProvider time) =>
        new(
            config => Key(config, Settings(config, environment)),
            (config, listener) =>
                Settings(config, environment) is { } redis
                    ? new RedisBroker($"{config.Fleet}/{listener}", RespSettings.Of(redis), time)
                    : new MemoryBroker(time)
        );

    /// <summary>Differs where another server, or the same in another way, is meant. By what was written: records compare lists by identity.</summary>
    public static string Key(GatewayConfig config, RedisSettings? redis) =>
        $"{config.Fleet}|{redis}|{redis?.SentinelMaster}|{redis?.Cluster}|{redis?.PasswordFile}|{redis?.Tls}";

    private static RedisSettings? Settings(GatewayConfig config, RegistryEnvironment environment)
    {
        if (config.Registry?.Redis is not { } redis)
        {
            return environment.Redis;
        }

        // The config was accepted, so this finds nothing wrong.
        var settings = RegistryCompiler.Compile(redis, "", new ErrorList());
        return settings is { PasswordFile: null } ? settings with { Password = environment.Password } : settings;
    }

    /// <summary>Counts users and devices in the registry where there are such limits, listeners that know them, and others share it; else does so no more.</summary>
    private async Task CountAsync(GatewayConfig config, IFleetRegistry? shared)
    {
        var wanted =
            shared is not null
            && config.Capacity is { PerUser: > 0 } or { PerDevice: > 0 }
            && config.Listeners.Any(listener =>
                listener.WebSocket is { Identity: not null }
                // By their tokens; it knows no devices.
                || (config.Capacity.PerUser > 0 && listener.WebSocket is { Mode: WebSocketMode.Hub })
            );
        if (wanted && _identities is null && Identities is not null)
        {
            // With the process: during a takeover two have the same name.
            _identities = new FleetIdentities(shared!, Identities, $"{record().Name}/{Environment.ProcessId}", time);
        }
        else if (!wanted && _identities is { } before)
        {
            _identities = null;
            await before.DisposeAsync();
        }
    }

    private sealed record Current(string Key, RegistryAgent Agent, IFleetRegistry? Registry, CapacityConfig Capacity);
}
