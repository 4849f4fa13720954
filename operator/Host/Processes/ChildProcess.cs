namespace Mooring.Operator.Host.Processes;

/// <summary>A running (or ended) child, leader of a process group of its own.</summary>
/// <remarks>Thread-safe. Signals go by pidfd, so they never reach a stranger that got the same process id.</remarks>
internal sealed class ChildProcess
{
    private const int MaxLine = 200;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<ProcessExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _pidfd;
    private string? _lastLine;

    internal ChildProcess(int id, int pidfd) => (Id, _pidfd) = (id, pidfd);

    public int Id { get; }

    /// <summary>The last line for people that it wrote (no log of JSON, no line of a stack trace), cut to 200 characters; null: none.</summary>
    public string? LastLine => Volatile.Read(ref _lastLine);

    /// <summary>Completes when the process has ended and been reaped.</summary>
    public Task<ProcessExit> Exited => _exited.Task;

    /// <summary>Signals the process alone; nothing happens when it has ended.</summary>
    public void Signal(int signal)
    {
        lock (_lock)
        {
            if (_pidfd >= 0)
            {
                _ = Libc.PidfdSendSignal(_pidfd, signal);
            }
        }
    }

    /// <summary>Ends the process and what else is in its group, at once.</summary>
    public void Kill()
    {
        lock (_lock)
        {
            if (_pidfd >= 0)
            {
                // The group's id is the process's, which stays taken until it is reaped, under this lock.
                _ = Libc.Kill(-Id, Libc.SigKill);
            }
        }
    }

    /// <summary>Takes a line of its output.</summary>
    internal void Said(string line)
    {
        if (line.Length > 0 && line[0] != '{' && !char.IsWhiteSpace(line[0]))
        {
            Volatile.Write(ref _lastLine, line.Length <= MaxLine ? line : line[..MaxLine]);
        }
    }

    /// <summary>Collects the exit status, and ends whatever the process left behind in its group.</summary>
    internal void Reap()
    {
        ProcessExit exit;
        lock (_lock)
        {
            _ = Libc.Kill(-Id, Libc.SigKill);
            exit =
                Libc.WaitPid(Id, out var status, Libc.WNoHang) == Id ? ProcessExit.FromStatus(status) : new ProcessExit(null, Libc.SigKill);
            _ = Libc.Close(_pidfd);
            _pidfd = -1;
        }

        _exited.TrySetResult(exit);
    }
}
