using System.Text.Json.Serialization;

namespace Mooring.Contracts.Stream;

[JsonConverter(typeof(JsonStringEnumConverter<BreakerStateName>))]
public enum BreakerStateName
{
    Closed,
    Open,
    HalfOpen,
}

/// <summary>A circuit breaker's state and statistics. Totals count from the process's start.</summary>
public sealed record BreakerLoad
{
    public required BreakerStateName State { get; init; }

    /// <summary>Failures in a row, while closed.</summary>
    public int ConsecutiveFailures { get; init; }

    public long FailuresTotal { get; init; }

    /// <summary>Times it opened.</summary>
    public long OpenedTotal { get; init; }

    /// <summary>Connections that found it open and no other endpoint to go to.</summary>
    public long RejectedTotal { get; init; }

    /// <summary>Whole seconds since it last opened or closed; null when it never did.</summary>
    public long? SecondsSinceChange { get; init; }
}

/// <summary>Active checks of one endpoint.</summary>
public sealed record CheckLoad
{
    /// <summary>The checks let it take connections.</summary>
    public required bool Up { get; init; }

    public long PassedTotal { get; init; }

    public long FailedTotal { get; init; }

    /// <summary>Why the last check failed, at most 200 characters; null when it passed.</summary>
    public string? LastError { get; init; }
}

/// <summary>The wait queue of one backend.</summary>
public sealed record QueueLoad
{
    /// <summary>Connections that wait now.</summary>
    public required int Length { get; init; }

    /// <summary>Connections that had to wait.</summary>
    public long WaitedTotal { get; init; }

    /// <summary>Of those, the ones that got a place.</summary>
    public long ServedTotal { get; init; }

    /// <summary>Of those, the ones refused because it took too long.</summary>
    public long TimedOutTotal { get; init; }

    /// <summary>Of those, the ones whose client left.</summary>
    public long LeftTotal { get; init; }

    /// <summary>Connections refused because the queue was full.</summary>
    public long OverflowedTotal { get; init; }
}
