namespace Mooring.Operator.Host;

/// <summary>Tells when a file may have changed: at once by inotify, and by looking every second, since some file systems and editors give no event.</summary>
/// <remarks>
/// Thread-safe. Watches the directory, because editors replace the file by another. Says so once the file has been quiet for a moment, so that a half
/// written file is seldom read; a reader that gets one anyway is told again when the rest has come.
/// </remarks>
internal sealed class ManifestWatcher : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _event = new(0, 1);
    private readonly FileSystemWatcher? _watcher;
    private readonly Task _running;

    /// <param name="path">The file.</param>
    /// <param name="seen">Of before it was first read: what has changed since is told too.</param>
    /// <param name="onChange">Called on a thread of the pool, once at a time: what changes meanwhile is told when it has ended.</param>
    /// <param name="time">The clock.</param>
    public ManifestWatcher(string path, FileStamp seen, Func<CancellationToken, Task> onChange, TimeProvider time)
    {
        (_path, _time) = (Path.GetFullPath(path), time);
        try
        {
            _watcher = new FileSystemWatcher(Path.GetDirectoryName(_path)!);
            _watcher.Created += OnEvent;
            _watcher.Changed += OnEvent;
            _watcher.Renamed += OnEvent;
            _watcher.EnableRaisingEvents = true;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException)
        {
            // Out of inotify watches: looking every second does.
            _watcher?.Dispose();
            _watcher = null;
        }

        _running = RunAsync(seen, onChange);
    }

    public async ValueTask DisposeAsync()
    {
        _watcher?.Dispose();
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _event.Dispose();
    }

    private void OnEvent(object sender, FileSystemEventArgs change)
    {
        if (change.FullPath == _path && _event.CurrentCount == 0)
        {
            try
            {
                _event.Release();
            }
            catch (SemaphoreFullException)
            {
                // Another event came in between; one is enough.
            }
        }
    }

    private async Task RunAsync(FileStamp seen, Func<CancellationToken, Task> onChange)
    {
        try
        {
            while (true)
            {
                await _event.WaitAsync(Look, _stop.Token);
                var now = FileStamp.Of(_path);
                if (now == seen)
                {
                    continue;
                }

                while (true)
                {
                    await Task.Delay(Quiet, _time, _stop.Token);
                    var next = FileStamp.Of(_path);
                    if (next == now)
                    {
                        break;
                    }

                    now = next;
                }

                seen = now;
                await onChange(_stop.Token);
            }
        }
        catch (OperationCanceledException) { }
    }
}
