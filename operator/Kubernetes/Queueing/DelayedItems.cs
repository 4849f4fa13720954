namespace Mooring.Kubernetes.Queueing;

/// <summary>Items to be handed on at a later time, on one timer. Of several times and priorities for one item the earliest and the highest count. Thread-safe.</summary>
internal sealed class DelayedItems<T> : IDisposable
    where T : notnull
{
    // Timers of the runtime cannot be set further ahead; a longer wait is set again when this one is over.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private readonly TimeProvider _time;
    private readonly Action<T, WorkPriority> _due;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private readonly PriorityQueue<T, long> _queue = new();
    private readonly Dictionary<T, (long At, WorkPriority Priority)> _dueAt = [];
    private bool _disposed;

    public DelayedItems(TimeProvider time, Action<T, WorkPriority> due)
    {
        _time = time;
        _due = due;
        _timer = time.CreateTimer(_ => Fire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Hands the item on after the delay, or at its earlier time if it has one.</summary>
    public void Add(T item, TimeSpan delay, WorkPriority priority)
    {
        lock (_lock)
        {
            var at = _time.GetTimestamp() + (long)(delay.TotalSeconds * _time.TimestampFrequency);
            if (_disposed)
            {
                return;
            }

            if (_dueAt.TryGetValue(item, out var known))
            {
                priority = known.Priority > priority ? known.Priority : priority;
                if (known.At <= at)
                {
                    _dueAt[item] = (known.At, priority);
                    return;
                }
            }

            // A later entry of the same item stays in the heap and is skipped when its time comes.
            _dueAt[item] = (at, priority);
            _queue.Enqueue(item, at);
            Compact();
            if (_queue.TryPeek(out _, out var first) && first == at)
            {
                SetTimer(at);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _queue.Clear();
            _dueAt.Clear();
            _timer.Dispose();
        }
    }

    private void Fire()
    {
        List<(T Item, WorkPriority Priority)> items = [];
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            var now = _time.GetTimestamp();
            while (_queue.TryPeek(out var item, out var at))
            {
                if (at > now)
                {
                    SetTimer(at);
                    break;
                }

                _queue.Dequeue();
                if (_dueAt.TryGetValue(item, out var current) && current.At == at)
                {
                    _dueAt.Remove(item);
                    items.Add((item, current.Priority));
                }
            }
        }

        foreach (var (item, priority) in items)
        {
            _due(item, priority);
        }
    }

    // Items that are moved forward again and again must not make the heap grow.
    private void Compact()
    {
        if (_queue.Count <= (2 * _dueAt.Count) + 16)
        {
            return;
        }

        _queue.Clear();
        _queue.EnqueueRange(_dueAt.Select(static pair => (pair.Key, pair.Value.At)));
    }

    private void SetTimer(long at)
    {
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), at);
        wait =
            wait < TimeSpan.Zero ? TimeSpan.Zero
            : wait > LongestTimer ? LongestTimer
            : wait;
        // Timers count whole milliseconds: rounded down, one would fire early and be set to zero again and again.
        _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
    }
}
