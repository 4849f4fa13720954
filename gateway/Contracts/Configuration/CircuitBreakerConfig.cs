using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>What one circuit breaker watches.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BreakerScope>))]
public enum BreakerScope
{
    /// <summary>Each endpoint has its own.</summary>
    Endpoint,

    /// <summary>All endpoints of the backend share one, but for backup endpoints, which have their own.</summary>
    Backend,
}

/// <summary>Stops sending connections to where they fail: closed, open, half-open.</summary>
public sealed record CircuitBreakerConfig
{
    public BreakerScope Scope { get; set; } = BreakerScope.Endpoint;

    /// <summary>Failures in a row that open a closed breaker. 1 to 1000; default 5.</summary>
    public int FailureThreshold { get; set; } = 5;

    /// <summary>Successes in a row that close a half-open breaker, and trials it lets through at the same time. 1 to 100; default 2.</summary>
    public int SuccessThreshold { get; set; } = 2;

    /// <summary>A connect (of a WebSocket: with its handshake) that takes longer is a failure. Default 10 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Time from opening to half-open. Default 60 s.</summary>
    public TimeSpan ResetTimeout { get; set; } = TimeSpan.FromSeconds(60);
}
