using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>The queues of a fleet that is one gateway: in this process's memory, and gone with it. Thread-safe.</summary>
internal sealed class MemoryQueues(TimeProvider time) : IHubQueues
{
    /// <summary>How long the key of a job is known.</summary>
    internal const long KeyLife = 300_000;

    /// <summary>Queues at most; another is full before it begins.</summary>
    private const int MaxQueues = 100_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, MemoryQueue> _queues = [];
    private Action<string>? _ready;

    private long Now => time.GetTimestamp() / (time.TimestampFrequency / 1000);

    public void Start(Action<string> ready) => _ready = ready;

    public ValueTask<EnqueueResult> EnqueueAsync(string queue, JobDraft job, QueueOptions options)
    {
        (long Id, bool Known)? result;
        lock (_gate)
        {
            if (!_queues.TryGetValue(queue, out var known))
            {
                if (_queues.Count >= MaxQueues)
                {
                    foreach (var (name, empty) in _queues)
                    {
                        if (empty.IsEmpty)
                        {
                            _queues.Remove(name);
                        }
                    }
                }

                if (_queues.Count >= MaxQueues)
                {
                    return new(new EnqueueResult(BrokerStatus.Overloaded, 0));
                }

                _queues[queue] = known = new MemoryQueue();
            }

            result = known.Enqueue(job, options, Now, KeyLife);
        }

        if (result is not { } enqueued)
        {
            return new(new EnqueueResult(BrokerStatus.Overloaded, 0));
        }

        _ready?.Invoke(queue);
        return new(new EnqueueResult(BrokerStatus.Ok, enqueued.Id, enqueued.Known));
    }

    public ValueTask<ClaimResult> ClaimAsync(string queue, string group, int count, QueueOptions options) =>
        With(queue, new ClaimResult(BrokerStatus.Ok, [], null), known => known.Claim(group, count, options, Now));

    public ValueTask<SettleStatus> AckAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        Settle(queue, known => known.Ack(group, id, attempt));

    public async ValueTask<SettleStatus> RejectAsync(
        string queue,
        string group,
        long id,
        int attempt,
        TimeSpan? delay,
        QueueOptions options
    )
    {
        var status = await Settle(queue, known => known.Reject(group, id, attempt, delay, options, Now));
        _ready?.Invoke(queue);
        return status;
    }

    public ValueTask<SettleStatus> ExtendAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        Settle(queue, known => known.Extend(group, id, attempt, options, Now));

    public ValueTask<QueueStats> StatsAsync(string queue, string group) =>
        With(queue, new QueueStats(BrokerStatus.Ok, 0, 0, 0, 0), known => known.Stats(group));

    public ValueTask<DeadResult> DeadAsync(string queue, string group, int count) =>
        With(queue, new DeadResult(BrokerStatus.Ok, []), known => new DeadResult(BrokerStatus.Ok, known.Dead(group, count)));

    public async ValueTask<int> RedriveAsync(string queue, string group, int count, QueueOptions options)
    {
        var moved = await With(queue, 0, known => known.Redrive(group, count, Now));
        _ready?.Invoke(queue);
        return moved;
    }

    private ValueTask<SettleStatus> Settle(string queue, Func<MemoryQueue, bool> settle) =>
        With(queue, SettleStatus.NotHeld, known => settle(known) ? SettleStatus.Ok : SettleStatus.NotHeld);

    private ValueTask<T> With<T>(string queue, T unknown, Func<MemoryQueue, T> act)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_queues.TryGetValue(queue, out var known) ? act(known) : unknown);
        }
    }
}
