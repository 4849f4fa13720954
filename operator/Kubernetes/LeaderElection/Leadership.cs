namespace Mooring.Kubernetes.LeaderElection;

/// <summary>One term of leading: ends when the lease is lost or given up. Thread-safe.</summary>
public sealed class Leadership : IDisposable
{
    private readonly TimeProvider _time;
    private readonly TimeSpan _deadline;
    private readonly CancellationTokenSource _ended;
    private readonly Lock _lock = new();
    private long _renewed;
    private DateTimeOffset _renewedAt;
    private bool _over;
    private bool _asked;

    internal Leadership(int epoch, long renewed, DateTimeOffset renewedAt, TimeSpan deadline, TimeProvider time)
    {
        Epoch = epoch;
        _time = time;
        _deadline = deadline;
        _renewed = renewed;
        _renewedAt = renewedAt;
        _ended = new CancellationTokenSource(Left(), time);
        Ended = _ended.Token;
    }

    /// <summary>Grows with every term, over all holders (the lease's transitions, see <see cref="TermNumber"/>): what a receiver fences late orders with.</summary>
    public int Epoch { get; }

    /// <summary>Cancelled when the term is over, or should be brought to its end.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Whether this process leads at this very moment. Ask before each write.</summary>
    /// <remarks>
    /// Computed from the time since the last renewal was sent, so that it is right also in a process that was just resumed after
    /// a stop, before any timer had a chance to run. The wall clock counts too where it went further than the monotonic one, which
    /// stands still while a machine is suspended; a clock set forward may so cost a term, but never make two leaders.
    /// </remarks>
    public bool IsHeld
    {
        get
        {
            lock (_lock)
            {
                // The timer may fire a few milliseconds early; once the work was told, the term is over.
                return !_over && (_asked || !_ended.IsCancellationRequested) && Left() > TimeSpan.Zero;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _ended.Dispose();

    /// <summary>The lease was renewed by a request that was sent at this time. Returns false when that came too late.</summary>
    internal bool Renew(long sent, DateTimeOffset sentAt)
    {
        lock (_lock)
        {
            if (_over || Left() <= TimeSpan.Zero || (_ended.IsCancellationRequested && !_asked))
            {
                return false;
            }

            (_renewed, _renewedAt) = (sent, sentAt);
            var left = Left();
            if (left <= TimeSpan.Zero)
            {
                return false;
            }

            _ended.CancelAfter(left);
            return true;
        }
    }

    /// <summary>Asks the work to end while the lease is still held.</summary>
    internal Task EndAsync()
    {
        lock (_lock)
        {
            _asked |= !_ended.IsCancellationRequested;
        }

        return _ended.CancelAsync();
    }

    /// <summary>The lease is gone.</summary>
    internal async Task LoseAsync()
    {
        lock (_lock)
        {
            _over = true;
        }

        await _ended.CancelAsync();
    }

    private TimeSpan Left()
    {
        var monotonic = _time.GetElapsedTime(_renewed);
        var wall = _time.GetUtcNow() - _renewedAt;
        var left = _deadline - (monotonic > wall ? monotonic : wall);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
