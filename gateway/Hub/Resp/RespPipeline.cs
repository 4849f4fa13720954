namespace Mooring.Gateway.Hub.Resp;

/// <summary>Calls over one connection: any number at a time up to a limit, answered in order, each with a deadline.</summary>
/// <remarks>
/// Thread-safe. A call that missed its deadline keeps its place in the order until its answer comes after all, or the connection ends, and
/// counts against the limit until then: so memory is bounded however long a server hangs.
/// </remarks>
internal sealed class RespPipeline : IRespReceiver, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Call> _calls = new();
    private readonly RespTransport _transport;
    private readonly RespLimits _limits;
    private readonly RespCounters _counters;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _wakeAt = long.MaxValue;
    private string? _why;

    /// <param name="transport">Not started yet; it is the caller's to dispose of.</param>
    public RespPipeline(RespTransport transport, RespLimits limits, RespCounters counters, TimeProvider time)
    {
        _transport = transport;
        _limits = limits;
        _counters = counters;
        _time = time;
        _timer = time.CreateTimer(static self => ((RespPipeline)self!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public RespTransport Transport => _transport;

    /// <summary>Calls that wait for an answer, given up or not.</summary>
    public int InFlight
    {
        get
        {
            lock (_gate)
            {
                return _calls.Count;
            }
        }
    }

    /// <summary>Sends a command; its reply, which may be an error of the server's.</summary>
    /// <param name="command">What.</param>
    /// <param name="deadline">From now.</param>
    /// <param name="before">A command right before it whose reply does not matter; null: none.</param>
    /// <exception cref="RespUnavailableException">It was not sent, or nobody knows.</exception>
    public Task<RespValue> CallAsync(RespCommand command, TimeSpan deadline, RespCommand? before = null)
    {
        var now = _time.GetTimestamp();
        var ends = now + (long)(deadline.TotalSeconds * _time.TimestampFrequency);
        var waiting = new TaskCompletionSource<RespValue>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            var problem =
                _why ?? (_calls.Count >= _limits.MaxInFlight ? $"{_calls.Count} calls wait for an answer" : null) ?? Send(command, before);
            if (problem is not null)
            {
                _counters.CountRefusal();
                throw new RespUnavailableException(problem, mayHaveRun: false) { IsOverload = !_transport.Ended.IsCompleted };
            }

            if (before is not null)
            {
                _calls.Enqueue(new Call(null, now, ends));
            }

            _calls.Enqueue(new Call(waiting, now, ends));
            Arm(now, ends);
        }

        return waiting.Task;
    }

    public void Receive(in RespValue value)
    {
        if (value.Kind == RespKind.Push)
        {
            // Nobody subscribes here; a server may still tell of something.
            return;
        }

        Call call;
        lock (_gate)
        {
            if (!_calls.TryDequeue(out call))
            {
                throw new RespShapeException("the server has answered what it was not asked");
            }
        }

        if (call.Waiting?.TrySetResult(value) == true)
        {
            _counters.CountAnswer(_time.GetElapsedTime(call.Began));
        }
    }

    public void ReceivedAll() { }

    public void End(string why)
    {
        List<Call> left;
        lock (_gate)
        {
            _why = why;
            left = [.. _calls];
            _calls.Clear();
        }

        foreach (var call in left)
        {
            if (call.Waiting?.TrySetException(new RespUnavailableException(why, mayHaveRun: true)) == true)
            {
                _counters.CountFailure();
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private string? Send(RespCommand command, RespCommand? before)
    {
        command.Stamp(_transport.Server);
        if (before is null)
        {
            return _transport.Write(command.Bytes.Span);
        }

        // In one piece: nothing may come between them, and neither may go alone.
        var both = new byte[before.Bytes.Length + command.Bytes.Length];
        before.Bytes.CopyTo(both);
        command.Bytes.CopyTo(both.AsMemory(before.Bytes.Length));
        return _transport.Write(both);
    }

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
        var late = new List<TaskCompletionSource<RespValue>>();
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            _wakeAt = long.MaxValue;
            var next = long.MaxValue;
            foreach (var call in _calls)
            {
                if (call.Waiting is { Task.IsCompleted: false } waiting)
                {
                    if (call.Ends <= now)
                    {
                        late.Add(waiting);
                    }
                    else
                    {
                        next = Math.Min(next, call.Ends);
                    }
                }
            }

            if (next < long.MaxValue)
            {
                // A tenth of a second at least, since each look is at all that wait.
                Arm(now, Math.Max(next, now + (_time.TimestampFrequency / 10)));
            }
        }

        foreach (var waiting in late)
        {
            if (waiting.TrySetException(new RespUnavailableException("no answer in time", mayHaveRun: true)))
            {
                _counters.CountTimeout();
            }
        }
    }

    /// <param name="Waiting">Null: nobody does.</param>
    private readonly record struct Call(TaskCompletionSource<RespValue>? Waiting, long Began, long Ends);
}
