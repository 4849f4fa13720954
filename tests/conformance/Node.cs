using System.Diagnostics;

namespace Mooring.Conformance.Tests;

/// <summary>Runs scripts of this folder with the packages of its lock file.</summary>
internal static class Node
{
    private static readonly Lazy<Task> Installed = new(InstallAsync);

    /// <summary>Why scripts cannot run here; null: they can.</summary>
    public static string? WhyNot { get; } =
        OnPath("node") && OnPath("npm") ? null : "node and npm are not on the PATH: clients from npm are not tried";

    public static string Directory { get; } = Path.Combine(Repository(), "tests", "conformance");

    /// <summary>Starts a script; its output is to be read by the caller.</summary>
    public static async Task<Process> StartAsync(string script, params string[] arguments)
    {
        await Installed.Value;
        return Start("node", [script, .. arguments]);
    }

    /// <summary>Runs a script to its end, which must be a line OK and exit code 0.</summary>
    public static async Task RunAsync(string script, params string[] arguments)
    {
        using var process = await StartAsync(script, arguments);
        await ExpectOkAsync(process);
    }

    public static async Task ExpectOkAsync(Process process)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            output.Trim().ShouldBe("OK");
            process.ExitCode.ShouldBe(0);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static async Task InstallAsync()
    {
        if (System.IO.Directory.Exists(Path.Combine(Directory, "node_modules", "cent.js")))
        {
            return;
        }

        using var npm = Start("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        var output = npm.StandardOutput.ReadToEndAsync();
        var errors = npm.StandardError.ReadToEndAsync();
        await npm.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromMinutes(3)).Token);
        npm.ExitCode.ShouldBe(0, $"npm ci: {await output}{await errors}");
    }

    private static Process Start(string file, IEnumerable<string> arguments) =>
        Process.Start(
            new ProcessStartInfo(file, arguments)
            {
                WorkingDirectory = Directory,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
                RedirectStandardError = file == "npm",
            }
        )!;

    private static bool OnPath(string file) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(directory => File.Exists(Path.Combine(directory, file)));

    private static string Repository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Operator.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}
