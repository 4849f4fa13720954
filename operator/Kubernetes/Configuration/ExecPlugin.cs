using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Mooring.Kubernetes.Configuration;

/// <summary>Runs a credential program.</summary>
internal static class ExecPlugin
{
    private const int MaxOutputChars = 1024 * 1024;
    private const int MaxErrorChars = 4096;

    internal static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);

    /// <summary>Runs the program to its end and returns what it printed.</summary>
    /// <exception cref="CredentialException">It is missing, fails, prints too much, or takes more than a minute.</exception>
    public static async Task<string> RunAsync(ExecEntry entry, string info, CancellationToken cancellationToken)
    {
        if (entry.InteractiveMode == "Always")
        {
            throw new CredentialException($"{entry.Command}: interactiveMode is Always, and there is no terminal here");
        }

        using var process = new Process { StartInfo = StartInfo(entry, info) };
        try
        {
            process.Start();
        }
        catch (Win32Exception error)
        {
            var hint = string.IsNullOrWhiteSpace(entry.InstallHint) ? "" : $"\n{entry.InstallHint.Trim()}";
            throw new CredentialException($"{entry.Command}: cannot be started: {error.Message}{hint}", error);
        }

        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(Timeout);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var errors = ReadAsync(process.StandardError, MaxErrorChars, keepReading: true, either.Token);
            var output = await ReadAsync(process.StandardOutput, MaxOutputChars, keepReading: false, either.Token);
            var said = await errors;
            await process.WaitForExitAsync(either.Token);
            return process.ExitCode == 0
                ? output
                : throw new CredentialException($"{entry.Command}: exit code {process.ExitCode}: {said.Trim()}");
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new CredentialException($"{entry.Command}: did not end within {Timeout}");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static ProcessStartInfo StartInfo(ExecEntry entry, string info)
    {
        var start = new ProcessStartInfo(entry.Command, entry.Args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var (name, value) in entry.Env)
        {
            start.Environment[name] = value;
        }

        start.Environment["KUBERNETES_EXEC_INFO"] = info;
        return start;
    }

    private static async Task<string> ReadAsync(StreamReader from, int maxChars, bool keepReading, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        var buffer = new char[4096];
        int read;
        while ((read = await from.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (text.Length + read <= maxChars)
            {
                text.Append(buffer, 0, read);
            }
            else if (!keepReading)
            {
                throw new CredentialException($"an exec plugin printed more than {maxChars} characters");
            }
        }

        return text.ToString();
    }
}
