using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>The queues of a fleet that is one gateway: in this process's memory, and gone with it. Thread-safe.</summary>
/// <param name="time">Ages.</param>
/// <param name="maxBytes">Bytes of the jobs of all queues; with more, none is taken.</param>
internal sealed class MemoryQueues(TimeProvider time, long maxBytes = MemoryQueues.DefaultMaxBytes) : IHubQueues
{
    public const long DefaultMaxBytes = 256L * 1024 * 1024;

    /// <summary>How long the key of a job is known.</summary>
    internal const long KeyLife = 300_000;

    /// <summary>Queues at most; another is full before it begins.</summary>
    private const int MaxQueues = 100_000;

    /// <summary>Between two looks for queues that are empty or for jobs that nobody has done in time, which are at all of them; in milliseconds.</summary>
    private const long SweepInterval = 1000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, MemoryQueue> _queues = [];
    private Action<string>? _ready;
    private long _bytes;
    private long? _swept;
    private long? _expired;

    /// <summary>Bytes of all jobs.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    private long Now => time.GetTimestamp() / (time.TimestampFrequency / 1000);

    public void Start(Action<string> ready) => _ready = ready;

    public ValueTask<EnqueueResult> EnqueueAsync(string queue, JobDraft job, QueueOptions options)
    {
        (long Id, bool Known)? result;
        lock (_gate)
        {
            if (_bytes + job.Payload.Length > maxBytes && !HasRoomNow(job.Payload.Length))
            {
                return new(new EnqueueResult(BrokerStatus.Overloaded, 0));
            }

            if (!_queues.TryGetValue(queue, out var known))
            {
                Sweep();

                if (_queues.Count >= MaxQueues)
                {
                    return new(new EnqueueResult(BrokerStatus.Overloaded, 0));
                }

                _queues[queue] = known = new MemoryQueue();
            }

            var before = known.Bytes;
            result = known.Enqueue(job, options, Now, KeyLife);
            _bytes += known.Bytes - before;
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

    public async ValueTask<SettleStatus> ReturnAsync(string queue, string group, long id, int attempt, QueueOptions options)
    {
        var status = await Settle(queue, known => known.Return(group, id, attempt));
        _ready?.Invoke(queue);
        return status;
    }

    public ValueTask<SettleStatus> ExtendAsync(string queue, string group, long id, int attempt, QueueOptions options) =>
        Settle(queue, known => known.Extend(group, id, attempt, options, Now));

    public ValueTask<QueueStats> StatsAsync(string queue, string group, QueueOptions options) =>
        With(queue, new QueueStats(BrokerStatus.Ok, 0, 0, 0, 0), known => known.Stats(group, options, Now));

    public ValueTask<DeadResult> DeadAsync(string queue, string group, int count, QueueOptions options) =>
        With(queue, new DeadResult(BrokerStatus.Ok, []), known => new DeadResult(BrokerStatus.Ok, known.Dead(group, count, options, Now)));

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
            if (!_queues.TryGetValue(queue, out var known))
            {
                return ValueTask.FromResult(unknown);
            }

            var before = known.Bytes;
            var result = act(known);
            _bytes += known.Bytes - before;
            return ValueTask.FromResult(result);
        }
    }

    /// <summary>Lets go of what has expired. Whether so many bytes can be taken then. The gate is held.</summary>
    private bool HasRoomNow(int length)
    {
        var now = Now;
        if (now - _expired < SweepInterval)
        {
            return false;
        }

        _expired = now;
        foreach (var queue in _queues.Values)
        {
            var before = queue.Bytes;
            queue.Expire(now);
            _bytes += queue.Bytes - before;
        }

        return _bytes + length <= maxBytes;
    }

    /// <summary>Where there are too many, those go that have nothing. The gate is held.</summary>
    private void Sweep()
    {
        var now = Now;
        if (_queues.Count < MaxQueues || now - _swept < SweepInterval)
        {
            return;
        }

        _swept = now;
        foreach (var (name, queue) in _queues)
        {
            if (queue.IsEmpty(now))
            {
                _queues.Remove(name);
            }
        }
    }
}
