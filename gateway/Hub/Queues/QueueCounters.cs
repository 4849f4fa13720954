namespace Mooring.Gateway.Hub.Queues;

/// <summary>What became of jobs at this gateway, since the process's start. Thread-safe.</summary>
internal sealed class QueueCounters
{
    private long _delivered;
    private long _redelivered;
    private long _acknowledged;
    private long _rejected;
    private long _timedOut;
    private long _abandoned;

    /// <summary>Jobs sent to workers.</summary>
    public long Delivered => Volatile.Read(ref _delivered);

    /// <summary>Of those, jobs that had been sent to somebody before.</summary>
    public long Redelivered => Volatile.Read(ref _redelivered);

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Jobs that their worker said it had not done.</summary>
    public long Rejected => Volatile.Read(ref _rejected);

    /// <summary>Jobs whose worker said nothing in time.</summary>
    public long TimedOut => Volatile.Read(ref _timedOut);

    /// <summary>Jobs whose worker went away.</summary>
    public long Abandoned => Volatile.Read(ref _abandoned);

    public void CountDelivery(bool again)
    {
        Interlocked.Increment(ref _delivered);
        Interlocked.Add(ref _redelivered, again ? 1 : 0);
    }

    public void CountAcknowledgement() => Interlocked.Increment(ref _acknowledged);

    public void CountRejection() => Interlocked.Increment(ref _rejected);

    public void CountTimeout() => Interlocked.Increment(ref _timedOut);

    public void CountAbandoned() => Interlocked.Increment(ref _abandoned);
}
