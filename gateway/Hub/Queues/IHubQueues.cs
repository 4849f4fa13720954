namespace Mooring.Gateway.Hub.Queues;

/// <summary>Queues of jobs that the gateways of a fleet share. A job is given out until somebody acknowledges it: at least once.</summary>
/// <remarks>
/// Thread-safe. No call throws for what can happen to a broker. A queue has the name of its channel and is there once something was queued. Higher
/// priorities go first, and of one priority the older; a job that is tried again keeps its place among those that are ready.
/// </remarks>
internal interface IHubQueues
{
    /// <summary>Begins, before any other call.</summary>
    /// <param name="ready">Called on any thread when a queue may have something for whoever waits; it must not block.</param>
    void Start(Action<string> ready);

    /// <summary>Queues a job for all groups of the options. A full queue first lets go of what has expired, and of what only groups have that are no more.</summary>
    ValueTask<EnqueueResult> EnqueueAsync(string queue, JobDraft job, QueueOptions options);

    /// <summary>Takes jobs, each for <see cref="QueueOptions.AckTimeout"/>.</summary>
    /// <param name="group">One of the options'.</param>
    /// <param name="count">1 to 100.</param>
    ValueTask<ClaimResult> ClaimAsync(string queue, string group, int count, QueueOptions options);

    /// <summary>The job is done.</summary>
    ValueTask<SettleStatus> AckAsync(string queue, string group, long id, int attempt, QueueOptions options);

    /// <summary>The job was not done: it is tried again after <paramref name="delay"/> or, where that is null, the options' backoff.</summary>
    ValueTask<SettleStatus> RejectAsync(string queue, string group, long id, int attempt, TimeSpan? delay, QueueOptions options);

    /// <summary>The job was given to nobody: it is ready again, and this attempt was none.</summary>
    ValueTask<SettleStatus> ReturnAsync(string queue, string group, long id, int attempt, QueueOptions options);

    /// <summary>The lease holds for <see cref="QueueOptions.AckTimeout"/> from now on.</summary>
    ValueTask<SettleStatus> ExtendAsync(string queue, string group, long id, int attempt, QueueOptions options);

    ValueTask<QueueStats> StatsAsync(string queue, string group, QueueOptions options);

    /// <summary>Dead letters, at most 100.</summary>
    ValueTask<DeadResult> DeadAsync(string queue, string group, int count, QueueOptions options);

    /// <summary>Puts the oldest dead letters back, at most 100, as if they were new. Returns how many; -1: the broker did not answer.</summary>
    ValueTask<int> RedriveAsync(string queue, string group, int count, QueueOptions options);
}
