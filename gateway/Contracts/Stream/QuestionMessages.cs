using System.Text.Json.Serialization;

namespace Mooring.Contracts.Stream;

[JsonConverter(typeof(JsonStringEnumConverter<QuestionKind>))]
public enum QuestionKind
{
    /// <summary>All metrics, in Prometheus's text format.</summary>
    Metrics,

    /// <summary>Clients of Hubs that do not take what is sent to them.</summary>
    SlowConsumers,
}

/// <summary>What somebody wants to know of a gateway now, and no report says. Answered by one <see cref="AnswerMessage"/> with the same number.</summary>
/// <remarks>A gateway that does not know the question answers nothing: whoever asks waits for seconds at most.</remarks>
public sealed record QuestionMessage : OperatorMessage
{
    /// <summary>Unique on its stream.</summary>
    public required long Id { get; init; }

    public required QuestionKind About { get; init; }
}

/// <summary>Answer to a <see cref="QuestionMessage"/>: what was asked for, or why there is none.</summary>
public sealed record AnswerMessage : GatewayMessage
{
    /// <summary>In characters: with what JSON escapes, below <see cref="StreamLimits.MaxMessageBytes"/>.</summary>
    public const int MaxMetrics = 2 * 1024 * 1024;

    public const int MaxSlowConsumers = 100;

    public required long Id { get; init; }

    /// <summary>At most <see cref="MaxMetrics"/>.</summary>
    public string? Metrics { get; init; }

    /// <summary>Those with the most bytes first, at most <see cref="MaxSlowConsumers"/>.</summary>
    public IReadOnlyList<SlowConsumerLoad>? SlowConsumers { get; init; }

    /// <summary>Why there is no answer; null: there is one.</summary>
    public string? Problem { get; init; }
}

/// <summary>One client of a Hub that does not take what is sent to it.</summary>
public sealed record SlowConsumerLoad
{
    public required string Listener { get; init; }

    /// <summary>Client ID, unique in the fleet; empty before it is connected.</summary>
    public required string Client { get; init; }

    /// <summary>Empty: anonymous.</summary>
    public required string User { get; init; }

    /// <summary>Frames that wait.</summary>
    public int Frames { get; init; }

    /// <summary>Bytes that wait.</summary>
    public long Bytes { get; init; }

    /// <summary>Seconds that the oldest of them has waited.</summary>
    public double AgeSeconds { get; init; }
}
