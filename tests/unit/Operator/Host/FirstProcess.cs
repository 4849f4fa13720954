using System.Diagnostics;
using Mooring.Operator.Host.Processes;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

/// <summary>A program as the first process of a PID namespace, as in a container: the kernel gives it no signal that it has no handler for.</summary>
internal sealed class FirstProcess : IDisposable
{
    private readonly Process _unshare;

    public FirstProcess(string program, params IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo("unshare")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in (IEnumerable<string>)[.. Namespace, program, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        _unshare = Process.Start(start)!;
        _unshare.BeginOutputReadLine();
        _unshare.BeginErrorReadLine();
    }

    /// <summary>Why there can be none here; null: there can.</summary>
    public static string? WhyNot { get; } = Probe();

    private static string[] Namespace =>
        Environment.IsPrivilegedProcess
            ? ["--pid", "--fork", "--kill-child"]
            : ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"];

    /// <summary>Sends SIGTERM every few milliseconds from the start on: those from before the runtime's handlers are lost.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateAsync(TimeSpan limit)
    {
        await Until.TrueAsync(
            () =>
            {
                if (!_unshare.HasExited && Child() is > 0 and var process)
                {
                    _ = Libc.Kill(process, Libc.SigTerm);
                }

                return _unshare.HasExited;
            },
            limit,
            "the program has ended"
        );
        return _unshare.ExitCode;
    }

    public void Dispose()
    {
        if (!_unshare.HasExited)
        {
            _unshare.Kill(entireProcessTree: true);
        }

        _unshare.Dispose();
    }

    private int Child()
    {
        var children = File.ReadAllText($"/proc/{_unshare.Id}/task/{_unshare.Id}/children")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return children is [var child, ..] ? int.Parse(child, null) : 0;
    }

    private static string? Probe()
    {
        try
        {
            using var process = Process.Start("unshare", [.. Namespace, "true"]);
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "no PID namespace can be made here (unshare --pid)";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unshare (util-linux) is not there";
        }
    }
}

/// <summary>A test that needs a PID namespace; skipped, and counted as such, where none can be made.</summary>
public sealed class PidNamespaceFactAttribute : FactAttribute
{
    public PidNamespaceFactAttribute() => Skip = FirstProcess.WhyNot;
}
