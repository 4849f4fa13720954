namespace Mooring.Contracts.Stream;

/// <summary>How often something took how long, from the process's start. Distributions with the same bounds may be added up.</summary>
public sealed record DurationLoad
{
    /// <summary>Upper ends, in seconds, of connect and first-byte times; one more bucket is beyond the last.</summary>
    public static readonly IReadOnlyList<double> LatencyBounds =
    [
        0.0001,
        0.0002,
        0.0005,
        0.001,
        0.002,
        0.005,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.5,
        1,
        2,
        5,
        10,
        30,
        60,
    ];

    /// <summary>Upper ends, in seconds, of how long connections live: to a week; one more bucket is beyond the last.</summary>
    public static readonly IReadOnlyList<double> SessionBounds =
    [
        0.01,
        0.1,
        1,
        5,
        10,
        30,
        60,
        300,
        900,
        1_800,
        3_600,
        14_400,
        43_200,
        86_400,
        259_200,
        604_800,
    ];

    /// <summary>Count of each bucket, not cumulative: one more than there are bounds; empty where nothing was counted.</summary>
    public IReadOnlyList<long> Counts { get; set; } = [];

    /// <summary>Sum of all durations, seconds.</summary>
    public double SumSeconds { get; init; }
}
