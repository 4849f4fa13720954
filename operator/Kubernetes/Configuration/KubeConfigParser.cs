namespace Mooring.Kubernetes.Configuration;

/// <summary>Reads kubeconfig files (v1 Config, YAML or JSON).</summary>
internal static class KubeConfigParser
{
    private const int MaxFileBytes = 16 * 1024 * 1024;

    private static readonly string[] ExecVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

    /// <exception cref="KubeConfigException">The file cannot be read or is wrong.</exception>
    public static KubeConfigFile ReadFile(string file)
    {
        try
        {
            if (new FileInfo(file).Length > MaxFileBytes)
            {
                throw new KubeConfigException($"{file}: longer than {MaxFileBytes} bytes");
            }

            return Parse(Path.GetFullPath(file), File.ReadAllText(file));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"{file}: {error.Message}", error);
        }
    }

    /// <summary>Parses a file's text; relative paths in it are relative to the file's folder.</summary>
    public static KubeConfigFile Parse(string file, string text)
    {
        var root = YamlReader.Parse(file, text);
        var folder = Path.GetDirectoryName(file) ?? "/";
        return new KubeConfigFile
        {
            CurrentContext = root.Text("current-context") ?? "",
            Clusters = Named(root, "clusters", "cluster", body => Cluster(body, folder)),
            Contexts = Named(root, "contexts", "context", Context),
            Users = Named(root, "users", "user", body => User(body, folder)),
        };
    }

    // As kubectl: of two entries with one name in one file, the first counts.
    private static Dictionary<string, T> Named<T>(YamlReader root, string list, string member, Func<YamlReader, T> read)
        where T : new()
    {
        Dictionary<string, T> named = new(StringComparer.Ordinal);
        foreach (var entry in root.Mappings(list))
        {
            named.TryAdd(entry.Required("name"), entry.Mapping(member) is { } body ? read(body) : new T());
        }

        return named;
    }

    private static ClusterEntry Cluster(YamlReader body, string folder) =>
        new()
        {
            Server = body.Text("server"),
            CertificateAuthority = Absolute(folder, body.Text("certificate-authority")),
            CertificateAuthorityData = body.Data("certificate-authority-data"),
            InsecureSkipTlsVerify = body.Flag("insecure-skip-tls-verify"),
            TlsServerName = body.Text("tls-server-name"),
            ProxyUrl = body.Text("proxy-url"),
        };

    private static ContextEntry Context(YamlReader body) =>
        new()
        {
            Cluster = body.Text("cluster") ?? "",
            User = body.Text("user") ?? "",
            Namespace = body.Text("namespace"),
        };

    private static UserEntry User(YamlReader body, string folder) =>
        new()
        {
            ClientCertificate = Absolute(folder, body.Text("client-certificate")),
            ClientCertificateData = body.Data("client-certificate-data"),
            ClientKey = Absolute(folder, body.Text("client-key")),
            ClientKeyData = body.Data("client-key-data"),
            Token = body.Text("token"),
            TokenFile = Absolute(folder, body.Text("tokenFile")),
            Username = body.Text("username"),
            Password = body.Text("password"),
            Exec = body.Mapping("exec") is { } exec ? Exec(exec, folder) : null,
            Impersonate = Impersonate(body),
        };

    private static ExecEntry Exec(YamlReader body, string folder)
    {
        var version = body.Required("apiVersion");
        if (!ExecVersions.Contains(version))
        {
            throw body.Wrong("apiVersion", $"must be one of {string.Join(", ", ExecVersions)}, not '{version}'");
        }

        var mode = body.Text("interactiveMode") ?? "IfAvailable";
        if (mode is not ("Never" or "IfAvailable" or "Always"))
        {
            throw body.Wrong("interactiveMode", $"must be Never, IfAvailable or Always, not '{mode}'");
        }

        var command = body.Required("command");
        return new ExecEntry
        {
            // A bare name is looked up in PATH; anything with a slash is a file beside this one.
            Command = command.Contains('/') ? Absolute(folder, command)! : command,
            Args = body.Texts("args"),
            Env = [.. body.Mappings("env").Select(static item => KeyValuePair.Create(item.Required("name"), item.Text("value") ?? ""))],
            ApiVersion = version,
            ProvideClusterInfo = body.Flag("provideClusterInfo"),
            InteractiveMode = mode,
            InstallHint = body.Text("installHint"),
        };
    }

    private static Impersonation? Impersonate(YamlReader body)
    {
        if (body.Text("as") is not { Length: > 0 } user)
        {
            return null;
        }

        Dictionary<string, IReadOnlyList<string>> extra = new(StringComparer.Ordinal);
        if (body.Mapping("as-user-extra") is { } entries)
        {
            foreach (var key in entries.Keys())
            {
                extra[key] = entries.Texts(key);
            }
        }

        return new Impersonation
        {
            User = user,
            Uid = body.Text("as-uid"),
            Groups = body.Texts("as-groups"),
            Extra = extra,
        };
    }

    private static string? Absolute(string folder, string? path) => string.IsNullOrEmpty(path) ? null : Path.GetFullPath(path, folder);
}
