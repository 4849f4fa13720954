using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Mooring.Api.Tests.Cluster;

internal sealed record KubectlResult(int ExitCode, string Output, string Errors)
{
    public bool Succeeded => ExitCode == 0;
}

/// <summary>What a user types: the tests look at the cluster through it, not through the library under test.</summary>
internal sealed class Kubectl(string kubeconfig)
{
    public async Task<string> RunAsync(params string[] arguments)
    {
        var result = await TryAsync(arguments);
        return result.Succeeded
            ? result.Output
            : throw new InvalidOperationException($"kubectl {string.Join(' ', arguments)}: {result.Errors.Trim()}");
    }

    public async Task<JsonNode> GetAsync(params string[] arguments) => JsonNode.Parse(await RunAsync(["get", "-o", "json", .. arguments]))!;

    public Task<KubectlResult> TryAsync(params string[] arguments) => TryWithInputAsync(null, arguments);

    /// <summary>As <see cref="TryAsync"/>, with a manifest on standard input for <c>-f -</c>.</summary>
    public async Task<KubectlResult> TryWithInputAsync(string? manifest, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            ClusterAssets.Program("kubectl"),
            ["--kubeconfig", kubeconfig, "--cache-dir", $"{kubeconfig}.cache", .. arguments]
        )
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(manifest);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return new KubectlResult(process.ExitCode, await output, await errors);
    }

    /// <summary>Applies a manifest as users do.</summary>
    public async Task ApplyAsync(string manifest, string ns)
    {
        var result = await TryWithInputAsync(manifest, "apply", "-n", ns, "-f", "-");
        if (!result.Succeeded)
        {
            throw new InvalidOperationException($"kubectl apply: {result.Errors.Trim()}");
        }
    }
}
