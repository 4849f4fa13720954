using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>Writes what a backend does beyond connecting, and what sockets and lifetimes are like, as config.</summary>
internal static class ConnectionFeaturesRenderer
{
    public static BackendConfig Add(BackendConfig config, BackendSpec spec) =>
        config with
        {
            PassiveHealth = Passive(spec),
            ActiveHealth = spec.Health?.Active is { } active ? Active(active) : null,
            CircuitBreaker = spec.CircuitBreaker is { } breaker ? Breaker(breaker) : null,
            Retry = spec.Retry is { } retry
                ? new RetryConfig
                {
                    Attempts = retry.Attempts,
                    BudgetPercent = retry.BudgetPercent,
                    MinRetriesPerSecond = retry.MinRetriesPerSecond,
                }
                : config.Retry,
            Queue = spec.Queue is { } queue
                ? new QueueConfig
                {
                    MaxLength = queue.MaxLength,
                    Timeout = Duration.Parse(queue.Timeout),
                    AbortOnClose = queue.AbortOnClose,
                }
                : null,
            SlowStart = Parse(spec.SlowStart) ?? TimeSpan.Zero,
            Backup = spec.Backup,
            DrainTimeout = Parse(spec.DrainTimeout) ?? TimeSpan.Zero,
            Socket = spec.Socket is null ? null : Socket(spec.Socket, keepAliveByDefault: false),
        };

    public static LifetimeConfig? Lifetime(LifetimeSpec? spec) =>
        spec is null ? null : new LifetimeConfig { MaxDuration = Duration.Parse(spec.MaxDuration), JitterPercent = spec.JitterPercent };

    /// <summary>Of the sockets to clients.</summary>
    public static SocketConfig ClientSocket(SocketSpec? spec) => Socket(spec ?? new SocketSpec(), keepAliveByDefault: true);

    // A breaker does what passive health does, and more: with both, the one would keep connections from the other.
    private static PassiveHealthConfig Passive(BackendSpec spec) =>
        spec.Health?.Passive is { } passive
            ? new PassiveHealthConfig { MaxFails = passive.MaxFails, FailTimeout = Duration.Parse(passive.FailTimeout) }
        : spec.CircuitBreaker is not null ? new PassiveHealthConfig { MaxFails = 0 }
        : new PassiveHealthConfig();

    private static ActiveHealthConfig Active(ActiveHealthSpec spec)
    {
        var config = new ActiveHealthConfig
        {
            Type = Enum.Parse<HealthCheckType>(spec.Type),
            Interval = Duration.Parse(spec.Interval),
            JitterPercent = spec.JitterPercent,
            Timeout = Duration.Parse(spec.Timeout),
            Rise = spec.Rise,
            Fall = spec.Fall,
            Port = spec.Port ?? 0,
            Path = spec.Path,
            Host = spec.Host,
            Send = spec.Send,
            Expect = spec.Expect,
        };
        return spec.ExpectedStatuses.Count == 0 ? config : config with { ExpectedStatuses = spec.ExpectedStatuses };
    }

    private static CircuitBreakerConfig Breaker(CircuitBreakerSpec spec) =>
        new()
        {
            Scope = Enum.Parse<BreakerScope>(spec.Scope),
            FailureThreshold = spec.FailureThreshold,
            SuccessThreshold = spec.SuccessThreshold,
            Timeout = Duration.Parse(spec.Timeout),
            ResetTimeout = Duration.Parse(spec.ResetTimeout),
        };

    private static SocketConfig Socket(SocketSpec spec, bool keepAliveByDefault)
    {
        var keepAlive = spec.KeepAlive ?? (keepAliveByDefault ? new KeepAliveSpec() : null);
        return new SocketConfig
        {
            KeepAlive = keepAlive is not { Enabled: true }
                ? null
                : new KeepAliveConfig
                {
                    Idle = Duration.Parse(keepAlive.Idle),
                    Interval = Duration.Parse(keepAlive.Interval),
                    Probes = keepAlive.Probes,
                },
            UserTimeout = Parse(spec.UserTimeout) ?? TimeSpan.Zero,
        };
    }

    private static TimeSpan? Parse(string? text) => text is null ? null : Duration.Parse(text);
}
