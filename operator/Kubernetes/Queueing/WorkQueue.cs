using System.Diagnostics.CodeAnalysis;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Telemetry;

namespace Mooring.Kubernetes.Queueing;

/// <summary>Items to work on, each by one worker at a time. Thread-safe.</summary>
/// <remarks>
/// An item that waits is there once, however often it is added, and as the most urgent of its adds. One added while a worker has it comes again after <see cref="Done"/>.
/// Changes come before what is only looked at for completeness' sake, which still has every fifth turn (<see cref="WorkLanes{T}"/>).
/// One that failed comes back by <see cref="AddRateLimited"/> after a wait that doubles with each failure, without an end to the tries.
/// </remarks>
public sealed class WorkQueue<T> : IDisposable
    where T : notnull
{
    private readonly WorkQueueOptions _options;
    private readonly TimeProvider _time;
    private readonly TokenBucket _bucket;
    private readonly DelayedItems<T> _delayed;
    private readonly IDisposable _watch;
    private readonly Lock _lock = new();
    private readonly WorkLanes<T> _ready = new();

    // What is ready, and what was added while a worker has it.
    private readonly Dictionary<T, (long Since, WorkPriority Priority)> _waiting = [];
    private readonly Dictionary<T, (long Since, WorkPriority Priority)> _processing = [];
    private readonly Dictionary<T, int> _failures = [];
    private readonly Queue<TaskCompletionSource<bool>> _takers = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _shutDown;

    public WorkQueue(WorkQueueOptions? options = null, TimeProvider? time = null)
    {
        _options = options ?? new WorkQueueOptions();
        _time = time ?? TimeProvider.System;
        _bucket = new TokenBucket(_options.PerSecond, Math.Max(1, _options.Burst), _time);
        _delayed = new DelayedItems<T>(_time, Add);
        _watch = KubernetesMetrics.WatchLongestRunning(_options.Name, () => LongestRunning.TotalSeconds);
    }

    /// <summary>Items that wait for a worker; delayed ones are not among them.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _ready.Count;
            }
        }
    }

    /// <summary>How long the oldest item now in work has been there; zero when none is.</summary>
    public TimeSpan LongestRunning
    {
        get
        {
            lock (_lock)
            {
                return _processing.Count == 0 ? TimeSpan.Zero : _time.GetElapsedTime(_processing.Values.Min(static one => one.Since));
            }
        }
    }

    /// <summary>Adds an item; one that waits already is raised to the priority if that is higher. Ignored after <see cref="ShutDown"/>.</summary>
    public void Add(T item, WorkPriority priority = WorkPriority.Normal)
    {
        lock (_lock)
        {
            if (_shutDown)
            {
                return;
            }

            if (!_waiting.TryGetValue(item, out var known))
            {
                KubernetesMetrics.QueueAdded(_options.Name, priority);
                _waiting[item] = (_time.GetTimestamp(), priority);
            }
            else if (known.Priority < priority)
            {
                KubernetesMetrics.QueueRaised(_options.Name, known.Priority, priority);
                _waiting[item] = (known.Since, priority);
            }
            else
            {
                return;
            }

            if (!_processing.ContainsKey(item))
            {
                Ready(item, priority);
            }
        }
    }

    /// <summary>Adds an item later. Of several times and priorities for one item the earliest and the highest count.</summary>
    public void AddAfter(T item, TimeSpan delay, WorkPriority priority = WorkPriority.Normal)
    {
        if (delay <= TimeSpan.Zero)
        {
            Add(item, priority);
        }
        else
        {
            _delayed.Add(item, delay, priority);
        }
    }

    /// <summary>Adds an item that failed, after the longer of its own wait and the queue's.</summary>
    /// <param name="least">Not sooner than this, as when a server has asked for it.</param>
    /// <param name="priority">As for <see cref="Add"/>.</param>
    /// <returns>The wait.</returns>
    public TimeSpan AddRateLimited(T item, TimeSpan least = default, WorkPriority priority = WorkPriority.Normal)
    {
        TimeSpan own;
        lock (_lock)
        {
            var failures = _failures.GetValueOrDefault(item);
            own = Backoff.Delay(_options.BaseDelay, _options.MaxDelay, failures);
            _failures[item] = failures == int.MaxValue ? failures : failures + 1;
        }

        var shared = _bucket.Reserve();
        var delay = own > shared ? own : shared;
        delay = delay > least ? delay : least;
        KubernetesMetrics.QueueRetried(_options.Name);
        AddAfter(item, delay, priority);
        return delay;
    }

    /// <summary>The item succeeded: its next failure waits the shortest time again.</summary>
    public void Forget(T item)
    {
        lock (_lock)
        {
            _failures.Remove(item);
        }
    }

    /// <summary>How often the item failed since it was last forgotten.</summary>
    public int Failures(T item)
    {
        lock (_lock)
        {
            return _failures.GetValueOrDefault(item);
        }
    }

    /// <summary>The priority with which an item that is in work was taken: to put it back as it came.</summary>
    public WorkPriority PriorityOf(T item)
    {
        lock (_lock)
        {
            return _processing.TryGetValue(item, out var taken) ? taken.Priority : WorkPriority.Normal;
        }
    }

    /// <summary>Waits for an item, by priority and in the order of adding. The worker calls <see cref="Done"/> for it.</summary>
    /// <returns>Found false: the queue was shut down and is empty.</returns>
    public async ValueTask<(bool Found, T? Item)> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            TaskCompletionSource<bool> turn;
            lock (_lock)
            {
                if (TryTake(out var item))
                {
                    return (true, item);
                }

                if (_shutDown)
                {
                    return (false, default);
                }

                turn = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                _takers.Enqueue(turn);
            }

            try
            {
                await turn.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                // If the turn came in the same moment, the next in line gets it.
                if (!turn.TrySetResult(false))
                {
                    lock (_lock)
                    {
                        WakeOne();
                    }
                }

                throw;
            }
        }
    }

    /// <summary>The worker is through with an item; if it was added meanwhile it waits again.</summary>
    public void Done(T item)
    {
        lock (_lock)
        {
            if (!_processing.Remove(item, out var taken))
            {
                return;
            }

            KubernetesMetrics.QueueDone(_options.Name, _time.GetElapsedTime(taken.Since));
            if (_waiting.TryGetValue(item, out var waiting))
            {
                Ready(item, waiting.Priority);
            }

            CheckDrained();
        }
    }

    /// <summary>Takes nothing more in. Workers get what waits already, then nothing; what was delayed is dropped.</summary>
    public void ShutDown()
    {
        _delayed.Dispose();
        lock (_lock)
        {
            _shutDown = true;
            while (_takers.TryDequeue(out var taker))
            {
                taker.TrySetResult(true);
            }

            CheckDrained();
        }
    }

    /// <summary>Shuts down and waits until every item was taken and done.</summary>
    public Task ShutDownAndDrainAsync(CancellationToken cancellationToken)
    {
        ShutDown();
        return _drained.Task.WaitAsync(cancellationToken);
    }

    public void Dispose()
    {
        ShutDown();
        _watch.Dispose();
        lock (_lock)
        {
            foreach (var (_, priority) in _waiting.Values)
            {
                KubernetesMetrics.QueueDropped(_options.Name, priority);
            }

            _waiting.Clear();
            _ready.Clear();
        }
    }

    private bool TryTake([MaybeNullWhen(false)] out T item)
    {
        if (!_ready.TryTake(out item))
        {
            return false;
        }

        _waiting.Remove(item, out var waited);
        _processing[item] = (_time.GetTimestamp(), waited.Priority);
        KubernetesMetrics.QueueTaken(_options.Name, waited.Priority, _time.GetElapsedTime(waited.Since));
        return true;
    }

    private void Ready(T item, WorkPriority priority)
    {
        var before = _ready.Count;
        _ready.Add(item, priority);
        if (_ready.Count > before)
        {
            WakeOne();
        }
    }

    private void WakeOne()
    {
        while (_ready.Count > 0 && _takers.TryDequeue(out var taker))
        {
            // False: its wait was cancelled, so the turn goes on.
            if (taker.TrySetResult(true))
            {
                return;
            }
        }
    }

    private void CheckDrained()
    {
        if (_shutDown && _ready.Count == 0 && _processing.Count == 0)
        {
            _drained.TrySetResult();
        }
    }
}
