using System.Text;

namespace Mooring.Operator.Host.Processes;

/// <summary>
/// A shell of a megabyte that outlives this process by a moment: when this process is gone, however it went, the shell ends every child and removes
/// the state directory.
/// </summary>
/// <remarks>
/// The kernel's parent-death signal would do for direct children only, and is tied to the thread that started them. The shell waits for the end of a
/// pipe that only this process can write to; it knows the children's process groups, and finds those that it was not told of yet, or that left their
/// group, by a variable in their environment. Thread-safe.
/// </remarks>
internal sealed class Watchdog : IDisposable
{
    /// <summary>Every child has this variable, with the value of <see cref="Mark"/>.</summary>
    public const string Variable = "MOORING_SUPERVISOR";

    private const string Script = """
        trap '' INT TERM HUP QUIT
        live=' '
        while read -r change group; do
          case "$change" in
            +) live="$live$group " ;;
            -) live="${live%% $group *} ${live#* $group }" ;;
          esac
        done
        for group in $live; do kill -KILL "-$group"; done 2>/dev/null
        for file in $(grep -lsz "^MOORING_SUPERVISOR=$1\$" /proc/[0-9]*/environ); do
          file="${file#/proc/}"
          kill -KILL "${file%/environ}"
        done 2>/dev/null
        if [ -n "$2" ]; then rm -rf -- "$2"; fi
        """;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Func<ProcessSpec, ChildProcess> _start;
    private readonly TimeProvider _time;
    private readonly string _directory;
    private readonly HashSet<int> _groups = [];
    private readonly CancellationTokenSource _stop = new();
    private int _pipe = -1;

    /// <param name="start">Starts the shell, and starts it again: <see cref="ProcessMonitor.Start"/>.</param>
    /// <param name="directory">Removed at the end; empty: nothing is.</param>
    /// <param name="mark">Unlike that of any other supervisor.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="IOException">The kernel refuses it.</exception>
    public Watchdog(Func<ProcessSpec, ChildProcess> start, string directory, string mark, TimeProvider time)
    {
        (_start, _directory, Mark, _time) = (start, directory, mark, time);
        lock (_lock)
        {
            Exited = FollowAsync(StartShell());
        }
    }

    public string Mark { get; }

    public void Add(int group)
    {
        lock (_lock)
        {
            _groups.Add(group);
            Tell('+', group);
        }
    }

    public void Remove(int group)
    {
        lock (_lock)
        {
            if (_groups.Remove(group))
            {
                Tell('-', group);
            }
        }
    }

    /// <summary>Lets the shell do its work, on the children that are left if any, and removes the state directory.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stop.Cancel();
            ClosePipe();
        }
    }

    /// <summary>
    /// Starts the shell again however it ends, and however often the kernel has no process or descriptor for it: without it nobody ends the children of a
    /// supervisor that is killed. Completes once the shell has ended after <see cref="Dispose"/>.
    /// </summary>
    private async Task FollowAsync(ChildProcess shell)
    {
        var pause = FirstPause;
        var began = _time.GetTimestamp();
        await shell.Exited;
        while (!_stop.IsCancellationRequested)
        {
            if (_time.GetElapsedTime(began) > LongestPause)
            {
                pause = FirstPause;
            }
            else
            {
                await Task.Delay(pause, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }

            began = _time.GetTimestamp();
            if (TryStartShell() is { } next)
            {
                await next.Exited;
            }
        }
    }

    private ChildProcess? TryStartShell()
    {
        lock (_lock)
        {
            try
            {
                return _stop.IsCancellationRequested ? null : StartShell();
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    private ChildProcess StartShell()
    {
        ClosePipe();
        var (read, write) = ProcessMonitor.OpenPipe();
        // The shell reads this one, and reads it blocking.
        _ = Libc.Fcntl(read, 4, 0);
        try
        {
            var shell = _start(
                new ProcessSpec
                {
                    Name = "watchdog",
                    Command = ["/bin/sh", "-c", Script, "mooring-watchdog", Mark, _directory],
                    Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
                    StandardInput = read,
                }
            );
            _pipe = write;
            foreach (var group in _groups)
            {
                Tell('+', group);
            }

            return shell;
        }
        catch
        {
            _ = Libc.Close(write);
            throw;
        }
        finally
        {
            _ = Libc.Close(read);
        }
    }

    /// <summary>Completes when it has been disposed, and the shell has ended.</summary>
    public Task Exited { get; }

    private unsafe void Tell(char change, int group)
    {
        // Far below a pipe's 64 KiB for thousands of children, and the shell reads at once: this does not block. A shell that has just died makes
        // the write fail, and its successor is told everything.
        var line = Encoding.ASCII.GetBytes($"{change} {group}\n");
        fixed (byte* start = line)
        {
            _ = Libc.Write(_pipe, start, (nuint)line.Length);
        }
    }

    private void ClosePipe()
    {
        if (_pipe >= 0)
        {
            _ = Libc.Close(_pipe);
            _pipe = -1;
        }
    }
}
