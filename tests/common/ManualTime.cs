namespace Mooring.Testing;

/// <summary>A clock that only moves when told to. Timers fire inside <see cref="Advance"/>, in order. Thread-safe.</summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private TimeSpan _passed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Timers that are set now.</summary>
    public int SetTimers
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count(static one => one.Due is not null);
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _start + _passed;
        }
    }

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _passed.Ticks;
        }
    }

    /// <summary>Moves the clock, firing every timer on the way at its own time.</summary>
    public void Advance(TimeSpan by)
    {
        TimeSpan end;
        lock (_lock)
        {
            end = _passed + by;
        }

        while (true)
        {
            Timer? next;
            lock (_lock)
            {
                next = _timers.Where(one => one.Due <= end).MinBy(static one => one.Due);
                if (next is null)
                {
                    _passed = end;
                    return;
                }

                _passed = next.Due!.Value > _passed ? next.Due.Value : _passed;
                next.Due = next.Period > TimeSpan.Zero ? _passed + next.Period : null;
            }

            next.Fire();
        }
    }

    /// <summary>Moves the clock without firing any timer: what a process sees that was stopped and has just been resumed.</summary>
    public void Stall(TimeSpan by)
    {
        lock (_lock)
        {
            _passed += by;
        }
    }

    /// <summary>Moves only the wall clock, as a suspended machine or a set clock does.</summary>
    public void SetForward(TimeSpan by)
    {
        lock (_lock)
        {
            _start += by;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        lock (_lock)
        {
            _timers.Add(timer);
        }

        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(ManualTime clock, TimerCallback callback, object? state) : ITimer
    {
        public TimeSpan? Due { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                Due = dueTime < TimeSpan.Zero ? null : clock._passed + dueTime;
                Period = period < TimeSpan.Zero ? TimeSpan.Zero : period;
                if (dueTime != TimeSpan.Zero)
                {
                    return true;
                }

                Due = Period > TimeSpan.Zero ? clock._passed + Period : null;
            }

            ThreadPool.QueueUserWorkItem(_ => Fire());
            return true;
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
