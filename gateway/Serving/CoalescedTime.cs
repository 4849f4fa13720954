namespace Mooring.Gateway.Serving;

/// <summary>A clock whose timers of about a second and more go off together, on the next quarter of a second: a process that idles wakes up for all of them at once.</summary>
/// <remarks>
/// Never early, and up to <see cref="Grain"/> late; a period is whole quarters, so one of 1.1 s is 1.25 s. Shorter timers are the inner clock's own. What is late together is called one after the other on one thread of the
/// pool, so a callback must not wait for another's; those of <see cref="Task.Delay(TimeSpan, TimeProvider)"/>, <see cref="PeriodicTimer"/> and
/// cancellation do not. Callbacks run without the execution context of whoever made the timer. Thread-safe. Kernel's word for it: timer slack (prctl(2), PR_SET_TIMERSLACK).
/// </remarks>
internal sealed class CoalescedTime : TimeProvider, IDisposable
{
    public static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(250);

    /// <summary>The shortest timer that waits for others.</summary>
    public static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(750);

    private readonly TimeProvider _inner;
    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, Entry> _due = [];
    private readonly long _began;
    private readonly ITimer _timer;
    private long _armed = long.MaxValue;

    public CoalescedTime(TimeProvider inner)
    {
        _inner = inner;
        _began = inner.GetTimestamp();
        _timer = inner.CreateTimer(static self => ((CoalescedTime)self!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public override TimeZoneInfo LocalTimeZone => _inner.LocalTimeZone;

    public override long TimestampFrequency => _inner.TimestampFrequency;

    private TimeSpan Elapsed => _inner.GetElapsedTime(_began);

    public override DateTimeOffset GetUtcNow() => _inner.GetUtcNow();

    public override long GetTimestamp() => _inner.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SlackTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>No timer of this clock goes off any more, but the short ones.</summary>
    public void Dispose() => _timer.Dispose();

    /// <summary>The first quarter that is no sooner than this.</summary>
    private static long QuarterOf(TimeSpan elapsed) => (elapsed.Ticks + Grain.Ticks - 1) / Grain.Ticks;

    private void Add(Entry entry)
    {
        if (_due.TryGetValue(entry.Quarter, out var first))
        {
            // Behind the first, which stays the ring's head.
            (entry.Next, entry.Previous) = (first.Next, first);
            (first.Next!.Previous, first.Next) = (entry, entry);
            return;
        }

        // An empty head, so that taking out the first of them is nothing special.
        var head = new Entry(null) { Quarter = entry.Quarter };
        (head.Next, head.Previous) = (entry, entry);
        (entry.Next, entry.Previous) = (head, head);
        _due[entry.Quarter] = head;
        if (entry.Quarter < _armed)
        {
            Arm(entry.Quarter);
        }
    }

    private void Remove(Entry entry)
    {
        if (entry.Next is null)
        {
            return;
        }

        var (previous, next) = (entry.Previous!, entry.Next);
        (previous.Next, next.Previous, entry.Next, entry.Previous) = (next, previous, null, null);
        if (previous == next)
        {
            // Its head alone: nobody is due then any more.
            _due.Remove(entry.Quarter);
        }
    }

    private void Arm(long quarter)
    {
        _armed = quarter;
        // A millisecond more than to the quarter, or a timer that is a little early would have to be armed again.
        var rest = TimeSpan.FromTicks(Math.Max(0, (quarter * Grain.Ticks) - Elapsed.Ticks)) + TimeSpan.FromMilliseconds(1);
        _timer.Change(rest, Timeout.InfiniteTimeSpan);
    }

    private void OnDue()
    {
        List<SlackTimer> due = [];
        lock (_gate)
        {
            _armed = long.MaxValue;
            var now = Elapsed.Ticks / Grain.Ticks;
            while (_due.Count > 0 && _due.First() is var (quarter, head) && quarter <= now)
            {
                while (head.Next is { Timer: { } timer } entry)
                {
                    // And with the last of them its quarter.
                    Remove(entry);
                    due.Add(timer);
                    if (timer.Period is { } period)
                    {
                        // By the quarter it was due, so that it keeps its pace; what it has missed it does not catch up on.
                        var quarters = Math.Max(1, QuarterOf(period));
                        entry.Quarter = Math.Max(quarter + quarters, now + 1);
                        Add(entry);
                    }
                }
            }

            if (_due.Count > 0 && _due.First().Key < _armed)
            {
                Arm(_due.First().Key);
            }
        }

        foreach (var timer in due)
        {
            timer.Call();
        }
    }

    /// <summary>One of those that are due in a quarter: a ring of them with a head that is no timer's.</summary>
    private sealed class Entry(SlackTimer? timer)
    {
        public SlackTimer? Timer => timer;

        public long Quarter { get; set; }

        public Entry? Next { get; set; }

        public Entry? Previous { get; set; }
    }

    private sealed class SlackTimer : ITimer
    {
        private readonly CoalescedTime _time;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly Entry _entry;
        private ITimer? _short;
        private bool _disposed;

        public SlackTimer(CoalescedTime time, TimerCallback callback, object? state)
        {
            (_time, _callback, _state) = (time, callback, state);
            _entry = new Entry(this);
        }

        /// <summary>Null: it goes off once. Under the clock's lock.</summary>
        public TimeSpan? Period { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_time._gate)
            {
                if (_disposed)
                {
                    return false;
                }

                _time.Remove(_entry);
                var isLong = IsLong(dueTime) && IsLong(period);
                if (!isLong)
                {
                    _short ??= _time._inner.CreateTimer(_callback, _state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                    return _short.Change(dueTime, period);
                }

                _short?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                Period = period > TimeSpan.Zero ? period : null;
                if (dueTime > TimeSpan.Zero)
                {
                    _entry.Quarter = QuarterOf(_time.Elapsed + dueTime);
                    _time.Add(_entry);
                }

                return true;
            }
        }

        public void Dispose()
        {
            lock (_time._gate)
            {
                _disposed = true;
                _time.Remove(_entry);
                _short?.Dispose();
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return _short?.DisposeAsync() ?? ValueTask.CompletedTask;
        }

        public void Call()
        {
            lock (_time._gate)
            {
                if (_disposed)
                {
                    return;
                }
            }

            _callback(_state);
        }

        private static bool IsLong(TimeSpan time) => time == Timeout.InfiniteTimeSpan || time >= Shortest;
    }
}
