namespace Mooring.Contracts.Configuration;

/// <summary>Channels of the namespace are queues of jobs: who is subscribed is a worker, and each job is done by one.</summary>
public sealed record HubQueueConfig
{
    /// <summary>A job whose worker has not acknowledged it after so long is given to another. 1 s to 1 h; default 30 s.</summary>
    public TimeSpan AckTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Deliveries at most; a job that has failed as often is a dead letter. 1 to 100; default 5.</summary>
    public int MaxAttempts { get; set; } = 5;

    /// <summary>Wait before the second delivery, doubled for each further one. 0 to 1 h; default 1 s.</summary>
    public TimeSpan MinBackoff { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest such wait; at least <see cref="MinBackoff"/>, at most 24 h. Default 1 min.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>A job that nobody has done after so long is a dead letter. 1 s to 30 days; default 24 h.</summary>
    public TimeSpan JobTtl { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Jobs in one queue at most, dead letters included; more get error 111. 1 to 1,000,000; default 10,000.</summary>
    public int MaxJobs { get; set; } = 10_000;

    /// <summary>Bytes of the jobs in one queue at most. 1 KiB to 1 GiB; default 64 MiB.</summary>
    public long MaxBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Dead letters that a queue keeps for each group; the oldest make room. 0 to 100,000; default 1,000.</summary>
    public int MaxDead { get; set; } = 1000;

    /// <summary>Each group gets every job, and of its workers one does. 1 to 8 names of 1 to 63 lower-case letters, digits and <c>-</c>. Default: <c>workers</c> alone.</summary>
    public IReadOnlyList<string> Groups { get; set; } = ["workers"];
}
