namespace Mooring.Gateway.Hub.Resp;

/// <summary>One who waits for a subscription to stand. Completed outside of every lock, since who awaits it goes on at once.</summary>
internal sealed class RespWait(long ends) : TaskCompletionSource
{
    private RespWait? _next;

    /// <summary>Timestamp of its deadline.</summary>
    public long Ends => ends;

    /// <summary>Puts it before those who wait for the same, of whom it lets go who does no more. To be called under one lock for all of them.</summary>
    public void Lead(RespWait? others)
    {
        var last = this;
        for (var other = others; other is not null; other = other._next)
        {
            if (!other.Task.IsCompleted)
            {
                last = last._next = other;
            }
        }

        last._next = null;
    }

    /// <summary>Ends it and those that came before it; null: there is none.</summary>
    /// <param name="first">The last to come.</param>
    /// <param name="error">Null: what they wait for is there.</param>
    public static void EndAll(RespWait? first, RespException? error)
    {
        for (var wait = first; wait is not null; wait = wait._next)
        {
            if (error is null)
            {
                wait.TrySetResult();
            }
            else
            {
                wait.TrySetException(error);
            }
        }
    }
}

/// <summary>The deadlines of all who wait, by one timer: one for each would be armed and stopped for every client that connects. Thread-safe.</summary>
internal sealed class RespWaits : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Func<string?> _problem;
    private readonly ITimer _timer;
    private Queue<RespWait> _all = new();
    private long _wakeAt = long.MaxValue;

    /// <param name="time">Of the deadlines.</param>
    /// <param name="problem">Why nothing may be answered; null: nothing is known.</param>
    public RespWaits(TimeProvider time, Func<string?> problem)
    {
        (_time, _problem) = (time, problem);
        _timer = time.CreateTimer(static self => ((RespWaits)self!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>One more who waits.</summary>
    /// <param name="deadline">From now.</param>
    public RespWait Add(TimeSpan deadline)
    {
        var now = _time.GetTimestamp();
        var wait = new RespWait(now + (long)(deadline.TotalSeconds * _time.TimestampFrequency));
        lock (_gate)
        {
            while (_all.TryPeek(out var first) && first.Task.IsCompleted)
            {
                _all.Dequeue();
            }

            _all.Enqueue(wait);
            Arm(now, wait.Ends);
        }

        return wait;
    }

    public void Dispose() => _timer.Dispose();

    private void Arm(long now, long ends)
    {
        if (ends < _wakeAt)
        {
            _wakeAt = ends;
            var ticks = (Math.Max(0, ends - now) * TimeSpan.TicksPerSecond / _time.TimestampFrequency) + TimeSpan.TicksPerMillisecond;
            _timer.Change(TimeSpan.FromTicks(ticks), Timeout.InfiniteTimeSpan);
        }
    }

    private void Expire()
    {
        var late = new List<RespWait>();
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            _wakeAt = long.MaxValue;
            var left = new Queue<RespWait>();
            var next = long.MaxValue;
            foreach (var wait in _all)
            {
                if (wait.Task.IsCompleted)
                {
                    continue;
                }

                if (wait.Ends <= now)
                {
                    late.Add(wait);
                }
                else
                {
                    left.Enqueue(wait);
                    next = Math.Min(next, wait.Ends);
                }
            }

            _all = left;
            if (next < long.MaxValue)
            {
                // A tenth of a second at least, since each look is at all that wait.
                Arm(now, Math.Max(next, now + (_time.TimestampFrequency / 10)));
            }
        }

        foreach (var wait in late)
        {
            wait.TrySetException(new RespUnavailableException(_problem() ?? "no answer in time", mayHaveRun: true));
        }
    }
}
