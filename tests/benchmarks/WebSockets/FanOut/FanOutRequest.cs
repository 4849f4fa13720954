using System.Text.Json.Serialization;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>What the load process is told, one JSON line each.</summary>
internal sealed record FanOutRequest
{
    public required FanOutDialect Dialect { get; init; }

    /// <summary>Where subscribers go, by turns; each <c>address:port</c>. The first is published to.</summary>
    public required string[] Targets { get; init; }

    public required int Subscribers { get; init; }

    /// <summary>Messages that are published at once, in one write.</summary>
    public required int Burst { get; init; }

    /// <summary>Bursts a second; 0: the next goes out when everybody has all of the last.</summary>
    public required double BurstsPerSecond { get; init; }

    public required int SettleMilliseconds { get; init; }

    public required int MeasureMilliseconds { get; init; }

    /// <summary>The servers' processes.</summary>
    public required int[] Processes { get; init; }
}

internal sealed record FanOutResult
{
    public string? Error { get; init; }

    public long Deliveries { get; init; }

    public double WallSeconds { get; init; }

    public double CpuSeconds { get; init; }

    public double WaitSeconds { get; init; }

    /// <summary>Messages that one reading of a subscriber's socket gave, on average: what the server put into one write.</summary>
    public double Coalescing { get; init; }

    /// <summary>From the write of the burst to the message at a subscriber, in µs.</summary>
    public double P50 { get; init; }

    public double P99 { get; init; }

    /// <summary>From the write of the burst to the message's arrival at a subscriber's socket, in µs; 0 in the closed loop.</summary>
    public double ArrivalP50 { get; init; }

    public double ArrivalP99 { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(FanOutRequest))]
[JsonSerializable(typeof(FanOutResult))]
internal sealed partial class FanOutJson : JsonSerializerContext;
