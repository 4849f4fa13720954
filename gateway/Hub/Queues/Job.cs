using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>A job to be queued.</summary>
/// <param name="Payload">The Hub's encoding of what the worker gets.</param>
/// <param name="Priority">0 to 9; higher ones are done first.</param>
/// <param name="Delay">Not to be done before.</param>
/// <param name="Key">A second job with the same key within five minutes is not queued, and gets the first one's id; null: no key. 1 to 128 bytes.</param>
internal readonly record struct JobDraft(ReadOnlyMemory<byte> Payload, int Priority = 0, TimeSpan Delay = default, string? Key = null);

/// <param name="Status"><see cref="BrokerStatus.Overloaded"/>: the queue is full.</param>
/// <param name="Id">Grows with each job of a queue.</param>
/// <param name="Suppressed">The key was known.</param>
internal readonly record struct EnqueueResult(BrokerStatus Status, long Id, bool Suppressed = false);

/// <summary>A job that is somebody's for the time being.</summary>
/// <param name="Id">Of the job.</param>
/// <param name="Attempt">Which delivery this is, from 1 on; with the id it names the lease.</param>
/// <param name="Payload">As queued.</param>
internal readonly record struct LeasedJob(long Id, int Attempt, ReadOnlyMemory<byte> Payload);

/// <param name="Status">Whether the rest holds.</param>
/// <param name="Jobs">None: there are no more at present. Fewer than asked for: perhaps, or they are long; who got some asks again.</param>
/// <param name="NextDue">When, from now, another may be ready without being queued; null: nothing waits for a time.</param>
internal readonly record struct ClaimResult(BrokerStatus Status, IReadOnlyList<LeasedJob> Jobs, TimeSpan? NextDue)
{
    public static ClaimResult Failed(BrokerStatus status) => new(status, [], null);
}

/// <summary>What became of an acknowledgement.</summary>
internal enum SettleStatus : byte
{
    Ok,

    /// <summary>The lease is over: the job is done, dead, or another's.</summary>
    NotHeld,

    /// <summary>The broker did not answer; it may have been done.</summary>
    Unavailable,
}

/// <param name="Attempts">Deliveries it had.</param>
/// <param name="Reason"><c>attempts</c> or <c>expired</c>.</param>
/// <param name="Payload">As queued.</param>
internal readonly record struct DeadJob(long Id, int Attempts, string Reason, ReadOnlyMemory<byte> Payload);

/// <param name="Status">Whether the rest holds.</param>
/// <param name="Jobs">The oldest first.</param>
internal readonly record struct DeadResult(BrokerStatus Status, IReadOnlyList<DeadJob> Jobs);

/// <summary>A queue as one group sees it.</summary>
/// <param name="Status">Whether the rest holds.</param>
/// <param name="Ready">Could be done now.</param>
/// <param name="Delayed">Wait for their time.</param>
/// <param name="Leased">Are being done.</param>
/// <param name="Dead">Dead letters.</param>
internal readonly record struct QueueStats(BrokerStatus Status, int Ready, int Delayed, int Leased, int Dead);
