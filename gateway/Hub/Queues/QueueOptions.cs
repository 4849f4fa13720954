namespace Mooring.Gateway.Hub.Queues;

/// <summary>How the jobs of a namespace's queues are treated. Immutable, and made once per namespace.</summary>
internal sealed record QueueOptions
{
    /// <summary>A job whose worker has not acknowledged it after so long is given to another.</summary>
    public TimeSpan AckTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Deliveries at most; a job that fails as often is a dead letter.</summary>
    public int MaxAttempts { get; init; } = 5;

    /// <summary>Wait before the second delivery; doubled for each further one.</summary>
    public TimeSpan MinBackoff { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A job that nobody has done after so long is a dead letter.</summary>
    public TimeSpan JobTtl { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Jobs in one queue at most, dead letters included.</summary>
    public int MaxJobs { get; init; } = 10_000;

    /// <summary>Bytes of the jobs of one queue at most.</summary>
    public long MaxBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Dead letters that a queue keeps for each group; the oldest make room.</summary>
    public int MaxDead { get; init; } = 1000;

    /// <summary>Each gets every job, and of its workers one does. At least one.</summary>
    public IReadOnlyList<string> Groups { get; init; } = ["workers"];

    /// <summary>Wait before the next delivery of a job that has had so many.</summary>
    public TimeSpan Backoff(int attempts)
    {
        var wait = MinBackoff * Math.Pow(2, Math.Min(attempts - 1, 30));
        return wait < MaxBackoff ? wait : MaxBackoff;
    }
}
