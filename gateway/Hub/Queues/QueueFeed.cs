using Mooring.Gateway.Hub.Delivery;

namespace Mooring.Gateway.Hub.Queues;

/// <summary>One queue's workers of one group at this gateway. Thread-safe.</summary>
internal sealed class QueueFeed : IDisposable
{
    private const int MaxClaim = 32;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly List<Worker> _workers = [];
    private readonly string _queue;
    private readonly string _group;
    private readonly IHubQueues _queues;
    private readonly QueueCounters _counters;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private volatile QueueOptions _options;
    private int _next;
    private bool _isPulling;
    private bool _isWoken;
    private bool _disposed;

    public QueueFeed((string Queue, string Group) key, IHubQueues queues, QueueOptions options, QueueCounters counters, TimeProvider time)
    {
        (_queue, _group) = key;
        _queues = queues;
        _options = options;
        _counters = counters;
        _time = time;
        _timer = time.CreateTimer(static self => ((QueueFeed)self!).Wake(), this, LongestPause, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How jobs are treated from now on. Those that are at workers keep the time they were given.</summary>
    public QueueOptions Options
    {
        get => _options;
        set => _options = value;
    }

    public int Held
    {
        get
        {
            lock (_gate)
            {
                return _workers.Sum(worker => worker.Held.Count);
            }
        }
    }

    public int Workers
    {
        get
        {
            lock (_gate)
            {
                return _workers.Count;
            }
        }
    }

    public void Add(IQueueWorker client, int slots)
    {
        lock (_gate)
        {
            if (_workers.Find(worker => worker.Client == client) is { } known)
            {
                known.Slots = slots;
            }
            else
            {
                _workers.Add(new Worker(client) { Slots = slots });
            }
        }

        Wake();
    }

    /// <summary>True: there is nobody left.</summary>
    public bool Remove(IQueueWorker client)
    {
        lock (_gate)
        {
            if (_workers.Find(worker => worker.Client == client) is { } gone)
            {
                _workers.Remove(gone);
                foreach (var (id, held) in gone.Held)
                {
                    GiveBack(id, held.Attempt);
                }
            }

            return _workers.Count == 0;
        }
    }

    public async ValueTask<SettleStatus> SettleAsync(IQueueWorker client, long id, QueueVerdict verdict, TimeSpan? delay)
    {
        int attempt;
        var options = _options;
        lock (_gate)
        {
            if (_workers.Find(worker => worker.Client == client) is not { } worker || !worker.Held.TryGetValue(id, out var held))
            {
                return SettleStatus.NotHeld;
            }

            attempt = held.Attempt;
            if (verdict == QueueVerdict.MoreTime)
            {
                worker.Held[id] = new Holding(attempt, _time.GetTimestamp(), options.AckTimeout);
            }
        }

        var status = verdict switch
        {
            QueueVerdict.Done => await _queues.AckAsync(_queue, _group, id, attempt, options),
            QueueVerdict.Failed => await _queues.RejectAsync(_queue, _group, id, attempt, delay, options),
            _ => await _queues.ExtendAsync(_queue, _group, id, attempt, options),
        };
        // Where the broker did not answer the worker may say it again.
        if (status != SettleStatus.Unavailable && (verdict != QueueVerdict.MoreTime || status == SettleStatus.NotHeld))
        {
            Count(verdict, status);
            Release(client, id, attempt);
        }

        return status;
    }

    /// <summary>There may be something; or it is time to look.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _isWoken = true;
            if (_isPulling || _disposed || _workers.Count == 0)
            {
                return;
            }

            _isPulling = true;
        }

        _ = Task.Run(PullAsync);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        _timer.Dispose();
    }

    private async Task PullAsync()
    {
        var pause = LongestPause;
        while (true)
        {
            int free;
            lock (_gate)
            {
                DropTimedOut();
                free = _disposed ? 0 : _workers.Sum(worker => worker.TakesMore ? Math.Max(0, worker.Slots - worker.Held.Count) : 0);
                if (free == 0 || !_isWoken)
                {
                    _isPulling = false;
                    if (!_disposed)
                    {
                        _timer.Change(pause, Timeout.InfiniteTimeSpan);
                    }

                    return;
                }

                _isWoken = false;
            }

            var options = _options;
            var claimed = await _queues.ClaimAsync(_queue, _group, Math.Min(free, MaxClaim), options);
            foreach (var job in claimed.Jobs)
            {
                Deliver(job, options);
            }

            if (claimed.Jobs.Count > 0)
            {
                lock (_gate)
                {
                    // There may be more.
                    _isWoken = true;
                }
            }

            pause =
                claimed.Status != BrokerStatus.Ok ? RetryPause
                : claimed.NextDue is { } due && due < LongestPause ? due + TimeSpan.FromMilliseconds(1)
                : LongestPause;
        }
    }

    /// <param name="job">It was taken.</param>
    /// <param name="options">By these.</param>
    private void Deliver(in LeasedJob job, QueueOptions options)
    {
        lock (_gate)
        {
            for (var i = 0; i < _workers.Count; i++)
            {
                // By turns.
                var worker = _workers[(_next + i) % _workers.Count];
                if (worker.Held.Count >= worker.Slots || worker.IsGone)
                {
                    continue;
                }

                worker.IsGone = !worker.Client.TryDeliver(_queue, job, options.AckTimeout);
                if (!worker.IsGone)
                {
                    worker.Held[job.Id] = new Holding(job.Attempt, _time.GetTimestamp(), options.AckTimeout);
                    _next = (_next + i + 1) % _workers.Count;
                    _counters.CountDelivery(job.Attempt > 1);
                    return;
                }
            }

            var (id, attempt) = (job.Id, job.Attempt);
            _ = Task.Run(async () => await _queues.ReturnAsync(_queue, _group, id, attempt, _options));
        }
    }

    /// <summary>At once, since it is not the job's fault. It still counts as an attempt: a job may be what its workers die of.</summary>
    private void GiveBack(long id, int attempt)
    {
        _counters.CountAbandoned();
        _ = Task.Run(async () => await _queues.RejectAsync(_queue, _group, id, attempt, TimeSpan.Zero, _options));
    }

    private void DropTimedOut()
    {
        foreach (var worker in _workers)
        {
            foreach (var (id, held) in worker.Held)
            {
                // The broker has taken it back by itself.
                if (_time.GetElapsedTime(held.Since) >= held.Lease)
                {
                    worker.Held.Remove(id);
                    _counters.CountTimeout();
                }
            }
        }
    }

    private void Count(QueueVerdict verdict, SettleStatus status)
    {
        if (status == SettleStatus.NotHeld)
        {
            _counters.CountTimeout();
        }
        else if (verdict == QueueVerdict.Done)
        {
            _counters.CountAcknowledgement();
        }
        else
        {
            _counters.CountRejection();
        }
    }

    private void Release(IQueueWorker client, long id, int attempt)
    {
        lock (_gate)
        {
            if (
                _workers.Find(worker => worker.Client == client) is { } worker
                && worker.Held.TryGetValue(id, out var held)
                && held.Attempt == attempt
            )
            {
                worker.Held.Remove(id);
            }
        }

        Wake();
    }

    private sealed class Worker(IQueueWorker client)
    {
        public IQueueWorker Client => client;

        public int Slots { get; set; }

        /// <summary>It has refused a job, and will be removed: none is taken from the queue for it, which would come back at once and be taken again.</summary>
        public bool IsGone { get; set; }

        public bool TakesMore => !IsGone && Client.TakesMore;

        public Dictionary<long, Holding> Held { get; } = [];
    }

    /// <summary>A job at a worker: since when, and for how long at most.</summary>
    private readonly record struct Holding(int Attempt, long Since, TimeSpan Lease);
}
