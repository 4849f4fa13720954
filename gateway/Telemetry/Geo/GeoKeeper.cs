using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>Keeps the loops with the database that the config names, and opens it anew when the file changes.</summary>
/// <remarks>A file that is missing or broken leaves the one before in force; without any, every country is unknown.</remarks>
/// <param name="loops">Who counts.</param>
/// <param name="report">Told what happened to a database: its path, and why it could not be opened (null: it was).</param>
internal sealed class GeoKeeper(IReadOnlyList<RelayLoop> loops, Action<string, string?>? report) : IDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _gate = new(1);
    private string? _path;
    private (string? Target, DateTime Written, long Length) _seen;
    private GeoDatabase? _database;

    /// <summary>Takes a path on from the config; null: nobody asks for countries.</summary>
    public async Task UseAsync(string? path)
    {
        await _gate.WaitAsync();
        try
        {
            if (path != _path)
            {
                _path = path;
                _seen = default;
                if (path is null)
                {
                    await SwapAsync(null);
                    return;
                }

                // Counted from now on, as unknown until the file says more.
                await GiveAsync();
            }

            await LookAsync();
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Looks whether the file has changed, until it is cancelled.</summary>
    public async Task RunAsync(TimeSpan interval, TimeProvider time, CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(interval, time);
        var guard = new FaultGuard("the look at the database of countries", time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                await _gate.WaitAsync(cancel);
                try
                {
                    await guard.RunAsync(LookAsync);
                }
                finally
                {
                    _gate.Release();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The engine ends.
        }
    }

    /// <summary>After the loops have ended.</summary>
    public void Dispose()
    {
        _database?.Dispose();
        _gate.Dispose();
    }

    private async Task LookAsync()
    {
        if (_path is null || Look(_path) is var now && now == _seen)
        {
            return;
        }

        _seen = now;
        var database = GeoDatabase.TryOpen(_path, out var error);
        report?.Invoke(_path, error);
        if (database is not null)
        {
            await SwapAsync(database);
        }
    }

    /// <summary>A ConfigMap's file is a link to a link: what changes is where they lead.</summary>
    private static (string? Target, DateTime Written, long Length) Look(string path)
    {
        try
        {
            var file = new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path));
            return file.Exists ? (file.FullName, file.LastWriteTimeUtc, file.Length) : (file.FullName, default, -1);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return (error.Message, default, -1);
        }
    }

    private async Task SwapAsync(GeoDatabase? database)
    {
        var before = _database;
        _database = database;
        await GiveAsync();
        // No loop has it any more.
        before?.Dispose();
    }

    private Task GiveAsync() =>
        Task.WhenAll(
            loops.Select(loop =>
                loop.InvokeAsync(() =>
                {
                    loop.Countries.Use(_path is not null, _database);
                    return true;
                })
            )
        );
}
