namespace Mooring.Kubernetes.Configuration;

/// <summary>What one kubeconfig file, or several merged ones, say. Paths are absolute already. Immutable.</summary>
internal sealed record KubeConfigFile
{
    public string CurrentContext { get; init; } = "";

    public IReadOnlyDictionary<string, ClusterEntry> Clusters { get; init; } = new Dictionary<string, ClusterEntry>(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, UserEntry> Users { get; init; } = new Dictionary<string, UserEntry>(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, ContextEntry> Contexts { get; init; } = new Dictionary<string, ContextEntry>(StringComparer.Ordinal);

    public bool IsEmpty => Clusters.Count == 0 && Users.Count == 0 && Contexts.Count == 0 && CurrentContext.Length == 0;

    /// <summary>Merges as kubectl does: the first file that has an entry, or a current context, wins with the whole of it.</summary>
    public static KubeConfigFile Merge(IEnumerable<KubeConfigFile> files)
    {
        var current = "";
        Dictionary<string, ClusterEntry> clusters = new(StringComparer.Ordinal);
        Dictionary<string, UserEntry> users = new(StringComparer.Ordinal);
        Dictionary<string, ContextEntry> contexts = new(StringComparer.Ordinal);
        foreach (var file in files)
        {
            current = current.Length > 0 ? current : file.CurrentContext;
            AddMissing(clusters, file.Clusters);
            AddMissing(users, file.Users);
            AddMissing(contexts, file.Contexts);
        }

        return new KubeConfigFile
        {
            CurrentContext = current,
            Clusters = clusters,
            Users = users,
            Contexts = contexts,
        };
    }

    private static void AddMissing<T>(Dictionary<string, T> into, IReadOnlyDictionary<string, T> from)
    {
        foreach (var (name, value) in from)
        {
            into.TryAdd(name, value);
        }
    }
}

internal sealed record ClusterEntry
{
    public string? Server { get; init; }

    public string? CertificateAuthority { get; init; }

    public byte[]? CertificateAuthorityData { get; init; }

    public bool InsecureSkipTlsVerify { get; init; }

    public string? TlsServerName { get; init; }

    public string? ProxyUrl { get; init; }
}

internal sealed record ContextEntry
{
    public string Cluster { get; init; } = "";

    public string User { get; init; } = "";

    public string? Namespace { get; init; }
}

internal sealed record UserEntry
{
    public string? ClientCertificate { get; init; }

    public byte[]? ClientCertificateData { get; init; }

    public string? ClientKey { get; init; }

    public byte[]? ClientKeyData { get; init; }

    public string? Token { get; init; }

    public string? TokenFile { get; init; }

    public string? Username { get; init; }

    public string? Password { get; init; }

    public ExecEntry? Exec { get; init; }

    public Impersonation? Impersonate { get; init; }
}

/// <summary>A program that prints a credential.</summary>
internal sealed record ExecEntry
{
    public required string Command { get; init; }

    public IReadOnlyList<string> Args { get; init; } = [];

    public IReadOnlyList<KeyValuePair<string, string>> Env { get; init; } = [];

    public required string ApiVersion { get; init; }

    public bool ProvideClusterInfo { get; init; }

    /// <summary><c>Never</c>, <c>IfAvailable</c> or <c>Always</c>.</summary>
    public string InteractiveMode { get; init; } = "IfAvailable";

    public string? InstallHint { get; init; }
}
