namespace Mooring.Kubernetes.Client;

/// <summary>Lets through <c>burst</c> at once and <c>perSecond</c> in the long run; who comes too early is told how long to wait.</summary>
/// <remarks>Thread-safe and fair: waits are handed out in the order of asking.</remarks>
public sealed class TokenBucket
{
    private readonly TimeProvider _time;
    private readonly double _perSecond;
    private readonly int _burst;
    private readonly Lock _lock = new();
    private double _tokens;
    private long _last;

    /// <param name="perSecond">0 or less: no limit.</param>
    /// <param name="burst">1 or more.</param>
    public TokenBucket(double perSecond, int burst, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        _perSecond = perSecond;
        _burst = burst;
        _time = time;
        _tokens = burst;
        _last = time.GetTimestamp();
    }

    /// <summary>Takes a token and returns how long to wait before using it; zero when one was there.</summary>
    public TimeSpan Reserve()
    {
        if (_perSecond <= 0)
        {
            return TimeSpan.Zero;
        }

        lock (_lock)
        {
            Refill();
            _tokens--;
            return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(-_tokens / _perSecond);
        }
    }

    /// <summary>Takes a token if one is there. Returns false, changing nothing, when not.</summary>
    public bool TryTake()
    {
        if (_perSecond <= 0)
        {
            return true;
        }

        lock (_lock)
        {
            Refill();
            if (_tokens < 1)
            {
                return false;
            }

            _tokens--;
            return true;
        }
    }

    /// <summary>Waits for a token. A cancelled wait gives it back.</summary>
    /// <returns>How long it waited.</returns>
    public async ValueTask<TimeSpan> WaitAsync(CancellationToken cancellationToken)
    {
        var wait = Reserve();
        if (wait == TimeSpan.Zero)
        {
            return wait;
        }

        try
        {
            await Task.Delay(wait, _time, cancellationToken);
            return wait;
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                _tokens = Math.Min(_burst, _tokens + 1);
            }

            throw;
        }
    }

    private void Refill()
    {
        var now = _time.GetTimestamp();
        _tokens = Math.Min(_burst, _tokens + (_time.GetElapsedTime(_last, now).TotalSeconds * _perSecond));
        _last = now;
    }
}
