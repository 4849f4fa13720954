using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Harness;

/// <summary>A process that a benchmark started, pinned to a core; ended with its own children at the latest by <see cref="DisposeAsync"/>.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int KeptLines = 40;

    private static readonly TimeSpan TimeToStop = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private ChildProcess(string name, Process process, bool keepOutput)
    {
        Name = name;
        _process = process;
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginErrorReadLine();
        if (keepOutput)
        {
            process.OutputDataReceived += (_, line) => Keep(line.Data);
            process.BeginOutputReadLine();
        }
    }

    public string Name { get; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public StreamWriter Input => _process.StandardInput;

    /// <summary>Only where the output is not kept as a log.</summary>
    public StreamReader Output => _process.StandardOutput;

    /// <summary>The last lines that the process wrote, for a message about its failure.</summary>
    public string Log => string.Join('\n', _lines);

    /// <summary>Starts a process pinned to a core.</summary>
    /// <param name="keepOutput">Standard output goes into <see cref="Log"/>, as standard error always does.</param>
    /// <exception cref="BenchmarkException">The file is not there or cannot be run.</exception>
    public static ChildProcess Start(string name, int core, string file, IEnumerable<string> arguments, bool keepOutput) =>
        Start(name, $"{core}", file, arguments, keepOutput);

    /// <summary>As the other, with a list of cores such as <c>0-1</c>.</summary>
    public static ChildProcess Start(string name, string cores, string file, IEnumerable<string> arguments, bool keepOutput)
    {
        var (pinnedFile, pinnedArguments) = Cores.Pinned(cores, file, arguments);
        var start = new ProcessStartInfo(pinnedFile, pinnedArguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        try
        {
            return new ChildProcess(name, Process.Start(start)!, keepOutput);
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new BenchmarkException($"{name}: cannot start {pinnedFile}: {exception.Message}");
        }
    }

    /// <summary>The process and its descendants, as they are now.</summary>
    public int[] Tree()
    {
        var found = new List<int> { Id };
        for (var i = 0; i < found.Count; i++)
        {
            found.AddRange(Children(found[i]));
        }

        return [.. found];
    }

    private static List<int> Children(int process)
    {
        // A thread that ends meanwhile leaves its children to another one, which may have been looked at already.
        for (var tries = 0; ; tries++)
        {
            try
            {
                return
                [
                    .. Directory
                        .EnumerateDirectories($"/proc/{process}/task")
                        .SelectMany(static task => File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                        .Select(static child => int.Parse(child, CultureInfo.InvariantCulture)),
                ];
            }
            catch (IOException) when (tries < 20 || !Directory.Exists($"/proc/{process}"))
            {
                if (!Directory.Exists($"/proc/{process}"))
                {
                    return [];
                }
            }
        }
    }

    /// <summary>Takes what else comes on standard output into <see cref="Log"/>, for who has read from <see cref="Output"/> what it wanted.</summary>
    public void KeepRest() =>
        _ = Task.Run(async () =>
        {
            while (await _process.StandardOutput.ReadLineAsync() is { } line)
            {
                Keep(line);
            }
        });

    /// <summary>Sends a signal.</summary>
    public void Signal(int number) => _ = Libc.Kill(Id, number);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _ = Libc.Kill(Id, Libc.SIGTERM);
            using var patience = new CancellationTokenSource(TimeToStop);
            try
            {
                await _process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            return;
        }

        _lines.Enqueue(line);
        while (_lines.Count > KeptLines)
        {
            _lines.TryDequeue(out _);
        }
    }
}
