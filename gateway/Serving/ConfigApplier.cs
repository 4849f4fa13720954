using Mooring.Contracts.Configuration;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tunnels;

namespace Mooring.Gateway.Serving;

/// <summary>Puts configs in force, from wherever they come, and keeps account of it. Thread-safe.</summary>
internal sealed class ConfigApplier(GatewayEngine engine, DrainController drain, RegistryService registry, GatewayLog log)
{
    private long _accepted;
    private long _rejected;

    /// <summary>What stands in where a config file says nothing; a config that comes by the stream is whole.</summary>
    public TunnelEnvironment Environment { get; init; } = TunnelEnvironment.None;

    /// <summary>Done once, before the first config that comes; null: nothing is.</summary>
    public Func<Task>? BeforeFirst { get; set; }

    /// <summary>Told of each config that came into force. Returns at once.</summary>
    public Action<GatewayConfig>? InForce { get; set; }

    public long Accepted => Interlocked.Read(ref _accepted);

    public long Rejected => Interlocked.Read(ref _rejected);

    /// <summary>Puts the config in force and returns nothing, or returns every error and leaves the one before in force.</summary>
    /// <param name="config">Not yet checked.</param>
    /// <param name="source">Where it came from, for the log.</param>
    public async Task<IReadOnlyList<string>> ApplyAsync(GatewayConfig config, string source)
    {
        if (BeforeFirst is { } prepare)
        {
            BeforeFirst = null;
            await prepare();
        }

        config = source == "file" ? Environment.Complete(config) : config;
        var before = engine.Snapshot?.Hash;
        var result = await engine.ApplyConfigAsync(config);
        if (!result.Accepted)
        {
            Reject(source, result.Errors);
            return result.Errors;
        }

        drain.Configure(config.Drain);
        await registry.ApplyAsync(config);
        InForce?.Invoke(config);
        Interlocked.Increment(ref _accepted);
        if (result.Hash != before)
        {
            log.Event(
                "config_accepted",
                ("source", source),
                ("hash", result.Hash),
                ("listeners", config.Listeners.Select(listener => $"{listener.Name}:{listener.Port}"))
            );
        }

        return [];
    }

    /// <summary>A config that could not even be read.</summary>
    public void Reject(string source, IReadOnlyList<string> errors)
    {
        Interlocked.Increment(ref _rejected);
        log.Event("config_rejected", ("source", source), ("errors", errors));
    }
}
