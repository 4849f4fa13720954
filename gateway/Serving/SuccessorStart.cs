using System.ComponentModel;
using System.Diagnostics;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary>Starts this very command once more, with whatever program is at its path by now: the new process takes over. nginx's SIGUSR2.</summary>
internal sealed class SuccessorStart(bool possible, GatewayLog log)
{
    // As it was at the start: afterwards the file may have been replaced, and the kernel calls the old one deleted.
    private readonly string? _program = Environment.ProcessPath;
    private readonly string[] _arguments = [.. Environment.GetCommandLineArgs().Skip(1)];
    private int _running;

    /// <summary>Starts it, unless one is under way; what becomes of it is logged. This process serves on until the other stands.</summary>
    public void Start()
    {
        if (!possible || _program is null)
        {
            log.Event("successor_failed", ("reason", "a successor needs --takeover"));
            return;
        }

        if (Interlocked.Exchange(ref _running, 1) == 0)
        {
            _ = FollowAsync(_program);
        }
    }

    private async Task FollowAsync(string program)
    {
        try
        {
            // Standard output and error are inherited: the logs go where they went.
            using var process = Process.Start(new ProcessStartInfo(program, _arguments) { UseShellExecute = false })!;
            log.Event("successor_started", ("process", process.Id), ("program", program));
            await process.WaitForExitAsync();
            log.Event("successor_failed", ("reason", $"it ended with {process.ExitCode}"));
        }
        catch (Exception problem) when (problem is Win32Exception or InvalidOperationException)
        {
            log.Event("successor_failed", ("reason", problem.Message));
        }

        Volatile.Write(ref _running, 0);
    }
}
