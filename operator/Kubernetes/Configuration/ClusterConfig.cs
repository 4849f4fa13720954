using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Configuration;

/// <summary>How to reach one API server and as whom. Immutable; made by <see cref="ClusterConfigLoader"/> or by hand.</summary>
public sealed record ClusterConfig
{
    /// <summary>Base address, with or without a path.</summary>
    public required Uri Server { get; init; }

    /// <summary>Who signs the server's certificate. Null: the system's authorities.</summary>
    public X509Certificate2Collection? CertificateAuthorities { get; init; }

    /// <summary>Takes any server certificate. Only for tests.</summary>
    public bool InsecureSkipTlsVerify { get; init; }

    /// <summary>Name that the server's certificate must bear, and that is sent in SNI (and as Host). Null: the host of <see cref="Server"/>.</summary>
    public string? TlsServerName { get; init; }

    /// <summary>http, https or socks5 proxy. Null: by HTTPS_PROXY, HTTP_PROXY and NO_PROXY.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>Where namespaced work happens unless said otherwise. Default <c>default</c>.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>Name of the kubeconfig context; null in a cluster.</summary>
    public string? Context { get; init; }

    public ICredentialSource Credentials { get; init; } = new StaticCredential(Credential.None);

    /// <summary>Acts as another user; null: as oneself.</summary>
    public Impersonation? Impersonate { get; init; }
}

/// <summary>As whom to act (kubeconfig keys <c>as</c>, <c>as-uid</c>, <c>as-groups</c>, <c>as-user-extra</c>).</summary>
public sealed record Impersonation
{
    public required string User { get; init; }

    public string? Uid { get; init; }

    public IReadOnlyList<string> Groups { get; init; } = [];

    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init; } = new Dictionary<string, IReadOnlyList<string>>();
}
