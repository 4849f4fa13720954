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

    private readonly Lock _lock = new();
    private readonly ProcessMonitor _monitor;
    private readonly string _directory;
    private readonly HashSet<int> _groups = [];
    private int _pipe = -1;
    private bool _disposed;

    /// <param name="monitor">Starts and restarts the shell.</param>
    /// <param name="directory">Removed at the end; empty: nothing is.</param>
    /// <param name="mark">Unlike that of any other supervisor.</param>
    public Watchdog(ProcessMonitor monitor, string directory, string mark)
    {
        (_monitor, _directory, Mark) = (monitor, directory, mark);
        lock (_lock)
        {
            StartShell();
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
            _disposed = true;
            ClosePipe();
        }
    }

    private void StartShell()
    {
        ClosePipe();
        var (read, write) = ProcessMonitor.OpenPipe();
        // The shell reads this one, and reads it blocking.
        _ = Libc.Fcntl(read, 4, 0);
        try
        {
            var shell = _monitor.Start(
                new ProcessSpec
                {
                    Name = "watchdog",
                    Command = ["/bin/sh", "-c", Script, "mooring-watchdog", Mark, _directory],
                    Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
                    StandardInput = read,
                }
            );
            _pipe = write;
            Exited = shell.Exited.ContinueWith(_ => Restart(), TaskScheduler.Default);
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

        foreach (var group in _groups)
        {
            Tell('+', group);
        }
    }

    /// <summary>Completes when the shell has ended.</summary>
    public Task Exited { get; private set; } = Task.CompletedTask;

    private void Restart()
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                StartShell();
            }
        }
    }

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
