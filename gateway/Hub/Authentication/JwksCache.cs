namespace Mooring.Gateway.Hub.Authentication;

/// <summary>The keys behind an URL: fetched, kept, and fetched again when they are old or a token names one that is not among them.</summary>
/// <remarks>
/// Thread-safe. What was fetched last is used for as long as nothing newer comes, so a provider that is away locks nobody out whose key is known.
/// Strangers can make it ask once in <see cref="MinInterval"/> and no more often, whatever keys their tokens name; there is never more than one request.
/// Whoever's token may be by a key that is newer than the last request waits for the next, or is told that it cannot be said.
/// </remarks>
/// <param name="fetch">Gets the set; throws when it cannot.</param>
/// <param name="time">Ages.</param>
internal sealed class JwksCache(Func<CancellationToken, Task<ReadOnlyMemory<byte>>> fetch, TimeProvider time)
{
    /// <summary>Longest set, in bytes.</summary>
    public const int MaxBytes = 256 * 1024;

    /// <summary>Between two requests.</summary>
    public static readonly TimeSpan MinInterval = TimeSpan.FromSeconds(10);

    /// <summary>After this the set is fetched again, in the background.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    /// <summary>How long the next request may be off for it to be waited for.</summary>
    private static readonly TimeSpan MaxAhead = TimeSpan.FromSeconds(3);

    /// <summary>How long a token waits in all: clients give up after 5 s.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(4);

    /// <summary>Tokens that wait.</summary>
    private const int MaxWaiting = 4096;

    private readonly Lock _gate = new();
    private IReadOnlyList<JwtKey> _keys = [];
    private long? _asked; // when the last request began
    private long? _newest; // when that began which brought the keys
    private Task? _running;
    private int _waiting;
    private long _failures;

    /// <summary>As fetched last.</summary>
    public IReadOnlyList<JwtKey> Keys => Volatile.Read(ref _keys);

    /// <summary>Requests that failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>A token has come: begins to fetch what is old.</summary>
    /// <returns>At once, when that was: for <see cref="NewerAsync"/>.</returns>
    public long Refresh()
    {
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_newest is not { } at || time.GetElapsedTime(at) >= MaxAge)
            {
                TryBegin();
            }
        }

        return now;
    }

    /// <summary>A token is by no key that is here: waits for newer ones, 4 s at most.</summary>
    /// <param name="since">When the token came, as <see cref="Refresh"/> has said.</param>
    /// <returns>True: the keys were asked for since then. False: they could not be, or not yet.</returns>
    public async Task<bool> NewerAsync(long since)
    {
        Task? running;
        lock (_gate)
        {
            if (_newest >= since)
            {
                return true;
            }

            if (_waiting == MaxWaiting || !TryBegin())
            {
                return false;
            }

            _waiting++;
            running = _running;
        }

        try
        {
            await running!.WaitAsync(MaxWait, time);
        }
        catch (TimeoutException)
        {
            // Not yet.
        }

        lock (_gate)
        {
            _waiting--;
            return _newest >= since;
        }
    }

    /// <summary>Whether a request is under way, be it one that waits for its time: begins it where it may be made soon. The gate is held.</summary>
    private bool TryBegin()
    {
        if (_running is { IsCompleted: false })
        {
            return true;
        }

        var ahead = _asked is { } at ? MinInterval - time.GetElapsedTime(at) : TimeSpan.Zero;
        if (ahead > MaxAhead)
        {
            return false;
        }

        _running = Task.Run(() => FetchAsync(ahead));
        return true;
    }

    private async Task FetchAsync(TimeSpan ahead)
    {
        try
        {
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead, time);
            }

            var began = time.GetTimestamp();
            lock (_gate)
            {
                _asked = began;
            }

            using var limit = new CancellationTokenSource(Limit, time);
            var keys = JwtKeyReader.ReadSet(await fetch(limit.Token));
            Volatile.Write(ref _keys, keys);
            lock (_gate)
            {
                _newest = began;
            }
        }
        catch (Exception error)
            when (error is HttpRequestException or IOException or FormatException or OperationCanceledException or ObjectDisposedException)
        {
            Interlocked.Increment(ref _failures);
        }
    }
}
