using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;

namespace Mooring.Gateway.Configuration;

/// <summary>The TLS of listeners and backends in <see cref="ConfigCompiler"/>. Pure: the files are read when the config is put in force.</summary>
internal static class TlsCompiler
{
    /// <summary>All that a WebSocket listener speaks (RFC 7301 §6).</summary>
    public const string Http11 = "http/1.1";

    private const int MaxCertificates = 100;
    private const int MaxRoutes = 64;
    private const int MaxNames = 16;
    private const int MaxProtocols = 8;
    private const int MaxProtocolLength = 32;
    private const int MaxDepth = 10;

    public static void Check(string path, ListenerConfig listener, HashSet<string> backends, ErrorList errors)
    {
        if (listener.Tls is not { } tls)
        {
            return;
        }

        path = $"{path}.tls";
        errors.Range($"{path}.handshakeTimeout", tls.HandshakeTimeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        if (tls.Mode == TlsMode.Passthrough)
        {
            CheckPassthrough(path, listener, tls, backends, errors);
            return;
        }

        if (tls.Routes.Count > 0)
        {
            errors.Add($"{path}.routes", "must be empty when mode is Terminate");
        }

        if (tls.Certificates.Count is 0 or > MaxCertificates)
        {
            errors.Add($"{path}.certificates", $"has {tls.Certificates.Count} items; must have 1 to {MaxCertificates}");
        }

        for (var i = 0; i < Math.Min(tls.Certificates.Count, MaxCertificates); i++)
        {
            CheckPair($"{path}.certificates[{i}]", tls.Certificates[i], errors);
        }

        CheckAlpn($"{path}.alpn", listener, tls, errors);
        if (tls.ClientCertificates is { } clients)
        {
            CheckFile($"{path}.clientCertificates.caFile", clients.CaFile, errors);
            if (clients.CrlFile is { } list)
            {
                CheckFile($"{path}.clientCertificates.crlFile", list, errors);
            }

            errors.Range($"{path}.clientCertificates.depth", clients.Depth, 0, MaxDepth);
        }
    }

    public static void Check(string path, BackendTlsConfig? tls, ErrorList errors)
    {
        if (tls is null)
        {
            return;
        }

        path = $"{path}.tls";
        if (tls.ServerName is { } name && (name.Length > 253 || Uri.CheckHostName(name) is UriHostNameType.Unknown))
        {
            errors.Add($"{path}.serverName", $"'{name}' is not a host name");
        }

        if (tls.CaFile is { } file)
        {
            CheckFile($"{path}.caFile", file, errors);
            if (tls.InsecureSkipVerify)
            {
                errors.Add($"{path}.insecureSkipVerify", "must not be true where there is a CA to verify by");
            }
        }

        if (tls.CrlFile is { } list)
        {
            CheckFile($"{path}.crlFile", list, errors);
            if (tls.InsecureSkipVerify)
            {
                errors.Add($"{path}.insecureSkipVerify", "must not be true where there is a revocation list to verify by");
            }
        }

        CheckPair($"{path}.clientCertificate", tls.ClientCertificate, errors);
    }

    private static void CheckPassthrough(
        string path,
        ListenerConfig listener,
        TlsListenerConfig tls,
        HashSet<string> backends,
        ErrorList errors
    )
    {
        if (listener.Protocol != ListenerProtocol.TCP)
        {
            errors.Add($"{path}.mode", "Passthrough is only for protocol TCP");
        }

        if (tls.Certificates.Count > 0)
        {
            errors.Add($"{path}.certificates", "must be empty when mode is Passthrough");
        }

        if (tls.ClientCertificates is not null)
        {
            errors.Add($"{path}.clientCertificates", "must not be set when mode is Passthrough");
        }

        if (tls.Alpn.Count > 0)
        {
            errors.Add($"{path}.alpn", "must be empty when mode is Passthrough");
        }

        if (tls.Routes.Count > MaxRoutes || (tls.Routes.Count == 0 && listener.Backend is null))
        {
            errors.Add(
                $"{path}.routes",
                $"has {tls.Routes.Count} items; must have at most {MaxRoutes}, and one at least where the listener has no backend"
            );
            return;
        }

        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < tls.Routes.Count; i++)
        {
            CheckRoute($"{path}.routes[{i}]", tls.Routes[i], backends, taken, errors);
        }
    }

    private static void CheckRoute(
        string path,
        ServerNameRouteConfig route,
        HashSet<string> backends,
        HashSet<string> taken,
        ErrorList errors
    )
    {
        if (!backends.Contains(route.Backend))
        {
            errors.Add($"{path}.backend", $"there is no backend '{route.Backend}'");
        }

        if (route.ServerNames.Count is 0 or > MaxNames)
        {
            errors.Add($"{path}.serverNames", $"has {route.ServerNames.Count} items; must have 1 to {MaxNames}");
            return;
        }

        for (var i = 0; i < route.ServerNames.Count; i++)
        {
            var name = route.ServerNames[i];
            if (name is null || !HostNames.IsPattern(name))
            {
                errors.Add($"{path}.serverNames[{i}]", $"'{name}' is not {HostNames.Meaning}, or one with '*.' in front");
            }
            else if (!taken.Add(name))
            {
                errors.Add($"{path}.serverNames[{i}]", $"'{name}' is there twice");
            }
        }
    }

    private static void CheckAlpn(string path, ListenerConfig listener, TlsListenerConfig tls, ErrorList errors)
    {
        if (listener.Protocol == ListenerProtocol.WebSocket && tls.Alpn is not ([] or [Http11]))
        {
            errors.Add(path, $"must be empty or {Http11} when protocol is WebSocket");
            return;
        }

        if (tls.Alpn.Count > MaxProtocols)
        {
            errors.Add(path, $"has {tls.Alpn.Count} items; must have at most {MaxProtocols}");
            return;
        }

        for (var i = 0; i < tls.Alpn.Count; i++)
        {
            if (tls.Alpn[i] is not { Length: > 0 and <= MaxProtocolLength } protocol || protocol.Any(static c => c is <= ' ' or > '~'))
            {
                errors.Add($"{path}[{i}]", $"must have 1 to {MaxProtocolLength} printable ASCII characters");
            }
        }
    }

    private static void CheckPair(string path, CertificateConfig? pair, ErrorList errors)
    {
        if (pair is not null)
        {
            CheckFile($"{path}.certificateFile", pair.CertificateFile, errors);
            CheckFile($"{path}.keyFile", pair.KeyFile, errors);
        }
    }

    private static void CheckFile(string path, string file, ErrorList errors)
    {
        if (file.Length is 0 or > 4096 || file.Contains('\0', StringComparison.Ordinal))
        {
            errors.Add(path, "must be the path of a file");
        }
    }
}
