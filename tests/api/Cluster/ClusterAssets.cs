namespace Mooring.Api.Tests.Cluster;

/// <summary>Where etcd, kube-apiserver, kube-controller-manager and kubectl are.</summary>
/// <remarks>
/// <c>KUBEBUILDER_ASSETS</c> first, as every envtest user sets it; else the newest version below
/// <c>~/.local/share/kubebuilder-envtest/k8s</c>, where <c>setup-envtest</c> and <c>make test-api</c> put them.
/// </remarks>
internal static class ClusterAssets
{
    private static readonly string[] Programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

    private static readonly Lazy<string?> Found = new(Find);

    /// <summary>The folder with all of them; null where there is none.</summary>
    public static string? Directory => Found.Value;

    /// <summary>Why the tests that need them are skipped; null when they are there.</summary>
    public static string? MissingBecause =>
        Directory is null
            ? $"NO KUBERNETES API SERVER: set KUBEBUILDER_ASSETS to a folder with {string.Join(", ", Programs)}, or put one below {DefaultParent}"
            : null;

    private static string DefaultParent =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "share", "kubebuilder-envtest", "k8s");

    public static string Program(string name) => Path.Combine(Directory ?? throw new InvalidOperationException(MissingBecause), name);

    private static string? Find()
    {
        var asked = Environment.GetEnvironmentVariable("KUBEBUILDER_ASSETS");
        if (!string.IsNullOrEmpty(asked))
        {
            return IsComplete(asked) ? asked : null;
        }

        return System.IO.Directory.Exists(DefaultParent)
            ? System.IO.Directory.GetDirectories(DefaultParent).Where(IsComplete).MaxBy(VersionOf)
            : null;
    }

    private static bool IsComplete(string folder) => Programs.All(program => File.Exists(Path.Combine(folder, program)));

    private static Version VersionOf(string folder) =>
        Version.TryParse(Path.GetFileName(folder).Split('-')[0], out var version) ? version : new Version(0, 0);
}
