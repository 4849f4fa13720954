namespace Mooring.Kubernetes.Queueing;

/// <summary>How a work queue paces what failed.</summary>
public sealed record WorkQueueOptions
{
    /// <summary>For metrics.</summary>
    public string Name { get; init; } = "queue";

    /// <summary>Wait after an item's first failure; doubled with each further one. Default 5 ms, as client-go.</summary>
    public TimeSpan BaseDelay { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The longest wait. Default 1,000 s, as client-go. There is no number of failures after which an item is given up.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(1000);

    /// <summary>Rate-limited adds a second over all items. Default 10, as client-go; 0 or less: no limit.</summary>
    public double PerSecond { get; init; } = 10;

    /// <summary>Rate-limited adds at once after a quiet time. Default 100, as client-go.</summary>
    public int Burst { get; init; } = 100;
}
