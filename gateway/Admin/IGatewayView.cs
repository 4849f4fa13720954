using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Admin;

/// <summary>What the admin side shows of the gateway. Thread-safe.</summary>
internal interface IGatewayView
{
    /// <summary>Time since the process began to serve.</summary>
    TimeSpan Uptime { get; }

    /// <summary>Null before the first config.</summary>
    GatewayConfig? Config { get; }

    /// <summary>Each check by name; null: it passes, else why not. The gateway is ready when all pass.</summary>
    IReadOnlyList<HealthCheck> Checks();

    MetricSource Metrics();

    /// <summary>Endpoints with their health, circuit breakers and queues.</summary>
    IReadOnlyList<BackendLoad> Backends();

    /// <summary>Clients of Hubs that do not take what is sent to them, those with the most bytes first.</summary>
    Task<IReadOnlyList<SlowConsumerLoad>> SlowConsumersAsync() => Task.FromResult<IReadOnlyList<SlowConsumerLoad>>([]);

    /// <summary>Null before the first config.</summary>
    RegistryView? Registry => null;
}

/// <summary>One condition of being ready.</summary>
/// <param name="Name">Stable, in lower case.</param>
/// <param name="Problem">Null: passes.</param>
internal readonly record struct HealthCheck(string Name, string? Problem);
