using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Hub.Broker;
using Mooring.Gateway.Hub.Delivery;
using Mooring.Gateway.Hub.Listening;
using Mooring.Gateway.Hub.Resp;
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

    /// <summary>Null before the first config.</summary>
    public RegistryView? View() => Volatile.Read(ref _current) is { } current ? current.Agent.View(current.ReservedPercent) : null;

    /// <summary>Puts the registry of an accepted config in force.</summary>
    public async Task ApplyAsync(GatewayConfig config)
    {
        await _applying.WaitAsync();
        try
        {
            var redis = Settings(config, environment);
            var ttl = (config.Registry ?? new RegistryConfig()).Ttl;
            // By what was written, not by what it was compiled to: records compare lists by identity.
            var key = $"{config.Fleet}|{ttl}|{redis}|{redis?.SentinelMaster}|{redis?.Cluster}|{redis?.PasswordFile}|{redis?.Tls}";
            var before = _current;
            if (before?.Key == key)
            {
                before.Agent.SetLimit(config.Capacity.Fleet);
                Volatile.Write(ref _current, before with { ReservedPercent = config.Capacity.ReservedPercent });
                return;
            }

            if (before is not null)
            {
                await before.Agent.DisposeAsync();
            }

            var leases = new LeaseKeeper(share, () => record().Load, time);
            IFleetRegistry registry = redis is null ? new MemoryRegistry(time) : new RedisRegistry(config.Fleet, redis, _counters, time);
            var agent = new RegistryAgent(registry, ttl, leases, config.Capacity.Fleet, record, _counters, log, time);
            Volatile.Write(ref _current, new Current(key, agent, config.Capacity.ReservedPercent));
        }
        finally
        {
            _applying.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_current is { } current)
        {
            await current.Agent.DisposeAsync();
        }

        _applying.Dispose();
    }

    /// <summary>The Hub's brokers: where the registry is, in Redis or in memory.</summary>
    public static HubBrokers Brokers(RegistryEnvironment environment, TimeProvider time) =>
        new(
            config => $"{config.Fleet}|{Settings(config, environment)}|{config.Registry?.Redis?.PasswordFile}",
            (config, listener) =>
                Settings(config, environment) is { } redis
                    ? new RedisBroker($"{config.Fleet}/{listener}", RespSettings.Of(redis), time)
                    : new MemoryBroker(time)
        );

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

    private sealed record Current(string Key, RegistryAgent Agent, int ReservedPercent);
}
