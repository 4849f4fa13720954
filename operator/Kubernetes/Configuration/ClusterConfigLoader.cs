using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Configuration;

/// <summary>What to load a config from, where it is not the usual place.</summary>
public sealed record ClusterConfigOptions
{
    /// <summary>A kubeconfig file (kubectl's <c>--kubeconfig</c>). Null: <c>KUBECONFIG</c>, then <c>~/.kube/config</c>, then the pod.</summary>
    public string? KubeConfigFile { get; init; }

    /// <summary>A context other than the current one.</summary>
    public string? Context { get; init; }

    /// <summary>A namespace other than the context's.</summary>
    public string? Namespace { get; init; }

    /// <summary>Where environment variables come from. Default: the process.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;

    /// <summary>Where a pod finds its ServiceAccount. Default <c>/var/run/secrets/kubernetes.io/serviceaccount</c>.</summary>
    public string ServiceAccountFolder { get; init; } = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>Clock of token reloads and credential expiry.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Finds out how to reach the API server, as kubectl and client-go do.</summary>
public static class ClusterConfigLoader
{
    /// <summary>Loads from the kubeconfig named in <paramref name="options"/>, the files of <c>KUBECONFIG</c>, <c>~/.kube/config</c>, or the pod.</summary>
    /// <exception cref="KubeConfigException">Nothing is there, or it is wrong.</exception>
    public static ClusterConfig Load(ClusterConfigOptions? options = null)
    {
        options ??= new ClusterConfigOptions();
        var merged = KubeConfigFile.Merge(Files(options).Select(KubeConfigParser.ReadFile));
        if (!merged.IsEmpty || options.KubeConfigFile is not null)
        {
            return FromKubeConfig(merged, options);
        }

        return InCluster(options)
            ?? throw new KubeConfigException("no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a cluster, and this is no pod");
    }

    /// <summary>The config of a pod, from its ServiceAccount; null when this process is not in one.</summary>
    /// <exception cref="KubeConfigException">The ServiceAccount's files are wrong.</exception>
    public static ClusterConfig? InCluster(ClusterConfigOptions? options = null)
    {
        options ??= new ClusterConfigOptions();
        var host = options.Environment("KUBERNETES_SERVICE_HOST");
        var port = options.Environment("KUBERNETES_SERVICE_PORT");
        var token = Path.Combine(options.ServiceAccountFolder, "token");
        if (string.IsNullOrEmpty(host) || string.IsNullOrEmpty(port) || !File.Exists(token))
        {
            return null;
        }

        var authority = Path.Combine(options.ServiceAccountFolder, "ca.crt");
        var ns = Path.Combine(options.ServiceAccountFolder, "namespace");
        return new ClusterConfig
        {
            Server = new Uri($"https://{(host.Contains(':') ? $"[{host}]" : host)}:{port}"),
            CertificateAuthorities = File.Exists(authority) ? Authorities(authority, null) : null,
            Namespace = options.Namespace ?? (File.Exists(ns) ? File.ReadAllText(ns).Trim() : "default"),
            Credentials = new FileCredential(token, null, null, options.Time),
        };
    }

    internal static ClusterConfig FromKubeConfig(KubeConfigFile file, ClusterConfigOptions options)
    {
        var name = options.Context ?? file.CurrentContext;
        if (name.Length == 0)
        {
            throw new KubeConfigException("the kubeconfig has no current-context, and none was asked for");
        }

        if (!file.Contexts.TryGetValue(name, out var context))
        {
            throw new KubeConfigException($"the kubeconfig has no context '{name}' (it has: {string.Join(", ", file.Contexts.Keys)})");
        }

        if (!file.Clusters.TryGetValue(context.Cluster, out var cluster))
        {
            throw new KubeConfigException($"context '{name}' names cluster '{context.Cluster}', which the kubeconfig lacks");
        }

        var user = new UserEntry();
        if (context.User.Length > 0 && !file.Users.TryGetValue(context.User, out user!))
        {
            throw new KubeConfigException($"context '{name}' names user '{context.User}', which the kubeconfig lacks");
        }

        return new ClusterConfig
        {
            Server = Server(context.Cluster, cluster),
            CertificateAuthorities = cluster.InsecureSkipTlsVerify
                ? null
                : Authorities(cluster.CertificateAuthority, cluster.CertificateAuthorityData),
            InsecureSkipTlsVerify = cluster.InsecureSkipTlsVerify,
            TlsServerName = cluster.TlsServerName,
            Proxy = Proxy(context.Cluster, cluster),
            Namespace = options.Namespace ?? context.Namespace ?? "default",
            Context = name,
            Credentials = CredentialFactory.Create(context.User, user, cluster, options.Time),
            Impersonate = user.Impersonate,
        };
    }

    private static IEnumerable<string> Files(ClusterConfigOptions options)
    {
        if (options.KubeConfigFile is { } file)
        {
            return [file];
        }

        if (options.Environment("KUBECONFIG") is { Length: > 0 } list)
        {
            // As kubectl: a file that is not there is no error.
            return list.Split(':', StringSplitOptions.RemoveEmptyEntries).Distinct(StringComparer.Ordinal).Where(File.Exists);
        }

        var home = options.Environment("HOME");
        var usual = string.IsNullOrEmpty(home) ? null : Path.Combine(home, ".kube", "config");
        return usual is not null && File.Exists(usual) ? [usual] : [];
    }

    private static Uri Server(string name, ClusterEntry cluster)
    {
        var text = cluster.Server ?? throw new KubeConfigException($"cluster '{name}' has no server");
        var whole = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        return Uri.TryCreate(whole, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri
            : throw new KubeConfigException($"cluster '{name}': server '{text}' is no http or https address");
    }

    private static Uri? Proxy(string name, ClusterEntry cluster)
    {
        if (string.IsNullOrEmpty(cluster.ProxyUrl))
        {
            return null;
        }

        return Uri.TryCreate(cluster.ProxyUrl, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" or "socks5"
            ? uri
            : throw new KubeConfigException($"cluster '{name}': proxy-url '{cluster.ProxyUrl}' is no http, https or socks5 address");
    }

    // Data comes before the file, as in client-go.
    private static X509Certificate2Collection? Authorities(string? file, byte[]? data)
    {
        if (file is null && data is null)
        {
            return null;
        }

        var what = data is null ? file! : "certificate-authority-data";
        try
        {
            var pem = data is null ? File.ReadAllText(file!) : System.Text.Encoding.UTF8.GetString(data);
            X509Certificate2Collection certificates = [];
            certificates.ImportFromPem(pem);
            return certificates.Count > 0 ? certificates : throw new KubeConfigException($"{what}: no certificate in it");
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"{what}: {error.Message}", error);
        }
    }
}
