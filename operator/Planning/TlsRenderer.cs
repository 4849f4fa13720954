using Mooring.Contracts.Configuration;
using Mooring.Contracts.Text;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning;

/// <summary>TLS's part of <see cref="GatewayConfigRenderer"/>.</summary>
internal static class TlsRenderer
{
    /// <summary>Keys of a Secret of type kubernetes.io/tls.</summary>
    public const string CertificateKey = "tls.crt";
    public const string PrivateKey = "tls.key";

    public static TlsListenerConfig? Render(TlsListenerSpec? spec, SecretPaths secrets) =>
        spec is null
            ? null
            : new TlsListenerConfig
            {
                Mode = Enum.Parse<TlsMode>(spec.Mode),
                Certificates = [.. spec.CertificateRefs.Select(certificate => Pair(certificate, secrets))],
                MinVersion = spec.MinVersion == "1.3" ? TlsVersion.Tls13 : TlsVersion.Tls12,
                Alpn = spec.Alpn,
                ClientCertificates = spec.ClientCertificates is not { } clients
                    ? null
                    : new ClientCertificateConfig
                    {
                        Name = clients.CaRef.Name,
                        CaFile = secrets.File(clients.CaRef.Name, clients.CaRef.Key),
                        CrlName = clients.CrlRef?.Name,
                        CrlFile = clients.CrlRef is { } list ? secrets.File(list.Name, list.Key) : null,
                        Required = clients.Mode == "Required",
                        Depth = clients.Depth,
                    },
                HandshakeTimeout = spec.HandshakeTimeout is { } timeout
                    ? Duration.Parse(timeout)
                    : new TlsListenerConfig().HandshakeTimeout,
                Routes =
                [
                    .. spec.Routes.Select(route => new ServerNameRouteConfig { ServerNames = route.ServerNames, Backend = route.Backend }),
                ],
            };

    public static BackendTlsConfig? Render(BackendTlsSpec? spec, SecretPaths secrets) =>
        spec is null
            ? null
            : new BackendTlsConfig
            {
                ServerName = spec.ServerName,
                CaName = spec.CaRef?.Name,
                CaFile = spec.CaRef is { } authority ? secrets.File(authority.Name, authority.Key) : null,
                CrlName = spec.CrlRef?.Name,
                CrlFile = spec.CrlRef is { } list ? secrets.File(list.Name, list.Key) : null,
                InsecureSkipVerify = spec.InsecureSkipVerify,
                ClientCertificate = spec.ClientCertificateRef is { } certificate ? Pair(certificate, secrets) : null,
            };

    private static CertificateConfig Pair(SecretReference secret, SecretPaths secrets) =>
        new()
        {
            Name = secret.Name,
            CertificateFile = secrets.File(secret.Name, CertificateKey),
            KeyFile = secrets.File(secret.Name, PrivateKey),
        };
}
