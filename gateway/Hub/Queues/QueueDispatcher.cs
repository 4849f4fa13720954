using System.Collections.Concurrent;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>Gives this gateway's connected workers the jobs of the queues they are subscribed to.</summary>
/// <remarks>Thread-safe. A worker gets as many jobs at a time as it has said; what a worker leaves behind goes to another at once.</remarks>
internal sealed class QueueDispatcher : IDisposable
{
    private readonly ConcurrentDictionary<(string Queue, string Group), QueueFeed> _feeds = new();
    private readonly Lock _gate = new();
    private readonly IHubQueues _queues;
    private readonly TimeProvider _time;

    public QueueDispatcher(IHubQueues queues, TimeProvider time)
    {
        _queues = queues;
        _time = time;
        queues.Start(Wake);
    }

    public QueueCounters Counters { get; } = new();

    /// <summary>Jobs that are at this gateway's workers.</summary>
    public int Held => _feeds.Values.Sum(feed => feed.Held);

    /// <summary>Workers, each counted once a queue.</summary>
    public int Workers => _feeds.Values.Sum(feed => feed.Workers);

    /// <summary>Lets a worker have jobs of a queue from now on; once more changes how many. The options hold for all the queue's workers of the group.</summary>
    /// <param name="queue">The channel.</param>
    /// <param name="group">One of the options'.</param>
    /// <param name="options">The namespace's.</param>
    /// <param name="worker">Whom.</param>
    /// <param name="slots">Jobs it may have at a time; 1 to 100.</param>
    public void Add(string queue, string group, QueueOptions options, IQueueWorker worker, int slots)
    {
        lock (_gate)
        {
            var feed = _feeds.GetOrAdd(
                (queue, group),
                static (_, self) => new QueueFeed(self.Key, self._queues, self.Options, self.Counters, self._time),
                (Key: (queue, group), _queues, Options: options, Counters, _time)
            );
            feed.Options = options;
            feed.Add(worker, slots);
        }
    }

    /// <summary>The config is another: workers that are there go on by it.</summary>
    /// <param name="find">A queue's options; null: it is none any more, and those who still do its jobs go on as they did.</param>
    public void Reload(Func<string, QueueOptions?> find)
    {
        lock (_gate)
        {
            foreach (var (key, feed) in _feeds)
            {
                feed.Options = find(key.Queue) ?? feed.Options;
            }
        }
    }

    /// <summary>The worker is gone; what it had is given to others.</summary>
    public void Remove(string queue, string group, IQueueWorker worker)
    {
        lock (_gate)
        {
            if (_feeds.TryGetValue((queue, group), out var feed) && feed.Remove(worker))
            {
                _feeds.TryRemove((queue, group), out _);
                feed.Dispose();
            }
        }
    }

    /// <summary>The worker's word on a job: done, not done, or it needs more time.</summary>
    public ValueTask<SettleStatus> SettleAsync(
        string queue,
        string group,
        IQueueWorker worker,
        long id,
        QueueVerdict verdict,
        TimeSpan? delay
    ) =>
        _feeds.TryGetValue((queue, group), out var feed)
            ? feed.SettleAsync(worker, id, verdict, delay)
            : ValueTask.FromResult(SettleStatus.NotHeld);

    public void Dispose()
    {
        foreach (var feed in _feeds.Values)
        {
            feed.Dispose();
        }
    }

    /// <summary>A queue may have something, or a worker of it room for more.</summary>
    public void Wake(string queue)
    {
        foreach (var (key, feed) in _feeds)
        {
            if (key.Queue == queue)
            {
                feed.Wake();
            }
        }
    }
}

/// <summary>What a worker says of a job.</summary>
internal enum QueueVerdict : byte
{
    Done,
    Failed,
    MoreTime,
}
