using Mooring.Contracts.Configuration;
using Mooring.Gateway.Backends;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Configuration;

/// <summary>What a backend does beyond connecting, checked and in the engine's units. Immutable; null or 0: off.</summary>
internal sealed record BackendFeatures
{
    public static readonly BackendFeatures None = new();

    public RetryConfig Retry { get; init; } = new();

    public QueueLimits? Queue { get; init; }

    public BreakerLimits? Breaker { get; init; }

    /// <summary>The breaker's patience with a WebSocket's answer, in ticks of <see cref="TimerWheel"/>.</summary>
    public uint AnswerTicks { get; init; } = uint.MaxValue;

    public BreakerScope BreakerScope { get; init; }

    public CheckPlan? Check { get; init; }

    public long SlowStartMicroseconds { get; init; }

    /// <summary>Name of the backend to fall back to.</summary>
    public string? Backup { get; init; }

    public long DrainMicroseconds { get; init; }

    public TcpSocketOptions? Socket { get; init; }
}

/// <param name="MaxLength">Connections that wait at most.</param>
/// <param name="TimeoutTicks">How long each, in ticks of <see cref="TimerWheel"/>.</param>
internal sealed record QueueLimits(int MaxLength, uint TimeoutTicks, bool AbortOnClose = false);

/// <summary>An active check, ready to be run.</summary>
internal sealed record CheckPlan
{
    public required HealthCheckType Type { get; init; }

    public required long IntervalMicroseconds { get; init; }

    public required int JitterPercent { get; init; }

    public required TimeSpan Timeout { get; init; }

    public required int Rise { get; init; }

    public required int Fall { get; init; }

    /// <summary>0: the endpoint's.</summary>
    public required int Port { get; init; }

    public required string Path { get; init; }

    public required string? Host { get; init; }

    /// <summary>Ranges of statuses, both ends included.</summary>
    public required IReadOnlyList<(int From, int To)> Statuses { get; init; }

    public required byte[] Send { get; init; }

    public required byte[] Expect { get; init; }
}
