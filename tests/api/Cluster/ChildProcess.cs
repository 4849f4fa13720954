using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Mooring.Api.Tests.Cluster;

/// <summary>A program started by a test, with its output in a file.</summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task _copying;

    private ChildProcess(Process process, string logFile)
    {
        _process = process;
        LogFile = logFile;
        Id = process.Id;
        Reaper.Add(Id);
        _copying = CopyOutputAsync();
    }

    public int Id { get; }

    public string LogFile { get; }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public string Log => File.Exists(LogFile) ? ReadShared(LogFile) : "";

    /// <summary>Resident set size in bytes.</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{Id}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
            return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;
        }
    }

    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        string logFile,
        IReadOnlyDictionary<string, string>? environment = null
    )
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        process.StandardInput.Close();
        return new ChildProcess(process, logFile);
    }

    public void Terminate() => Signal(15);

    public void Kill() => Signal(9);

    /// <summary>Asks it to end, and kills it when it has not after <paramref name="patience"/> (default 10 s).</summary>
    public async Task StopAsync(TimeSpan? patience = null)
    {
        Terminate();
        using var limit = new CancellationTokenSource(patience ?? TimeSpan.FromMinutes(3));
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Kill();
            await _process.WaitForExitAsync();
        }

        await _copying;
        Reaper.Remove(Id);
    }

    public async Task<int> WaitForExitAsync(TimeSpan deadline)
    {
        using var limit = new CancellationTokenSource(deadline);
        await _process.WaitForExitAsync(limit.Token);
        await _copying;
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited)
        {
            _ = SendSignal(Id, signal);
        }
    }

    private async Task CopyOutputAsync()
    {
        await using var log = new FileStream(LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, 1);
        var gate = new SemaphoreSlim(1);
        await Task.WhenAll(Copy(_process.StandardOutput.BaseStream), Copy(_process.StandardError.BaseStream));

        async Task Copy(Stream from)
        {
            var buffer = new byte[8192];
            int count;
            while ((count = await from.ReadAsync(buffer)) > 0)
            {
                await gate.WaitAsync();
                await log.WriteAsync(buffer.AsMemory(0, count));
                gate.Release();
            }
        }
    }

    private static string ReadShared(string file)
    {
        using var reader = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int processId, int signal);
}
