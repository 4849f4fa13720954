namespace Mooring.Gateway.Hub.Authentication;

/// <summary>The keys behind an URL: fetched, kept, and fetched again when they are old or a token names one that is not among them.</summary>
/// <remarks>
/// Thread-safe. What was fetched last is used for as long as nothing newer comes, so a provider that is away locks nobody out whose key is known.
/// Strangers can make it ask once in <see cref="MinInterval"/> and no more often, whatever keys their tokens name; there is never more than one request.
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

    private readonly Lock _gate = new();
    private IReadOnlyList<JwtKey> _keys = [];
    private long? _asked;
    private long? _fetched;
    private Task? _running;
    private long _failures;

    /// <summary>As fetched last.</summary>
    public IReadOnlyList<JwtKey> Keys => Volatile.Read(ref _keys);

    /// <summary>Requests that failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Begins to fetch what is old. Returns at once.</summary>
    public void Refresh()
    {
        long? fetched;
        lock (_gate)
        {
            fetched = _fetched;
        }

        if (fetched is not { } at || time.GetElapsedTime(at) >= MaxAge)
        {
            _ = BeginFetch();
        }
    }

    /// <summary>A token names a key that is not here: completes when there are newer keys, or there will be none for now.</summary>
    public Task NewerAsync() => BeginFetch();

    /// <summary>Completed at once where it was asked for a moment ago.</summary>
    private Task BeginFetch()
    {
        lock (_gate)
        {
            if (_running is { IsCompleted: false })
            {
                return _running;
            }

            if (_asked is { } at && time.GetElapsedTime(at) < MinInterval)
            {
                return Task.CompletedTask;
            }

            _asked = time.GetTimestamp();
            return _running = Task.Run(FetchAsync);
        }
    }

    private async Task FetchAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(Limit, time);
            var keys = JwtKeyReader.ReadSet(await fetch(limit.Token));
            Volatile.Write(ref _keys, keys);
            lock (_gate)
            {
                _fetched = time.GetTimestamp();
            }
        }
        catch (Exception error) when (error is HttpRequestException or IOException or FormatException or OperationCanceledException)
        {
            Interlocked.Increment(ref _failures);
        }
    }
}
