using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Mooring.Kubernetes.Configuration;

namespace Mooring.Kubernetes.Client;

/// <summary>Turns a <see cref="ClusterConfig"/> and a client certificate into connections.</summary>
internal static class HandlerFactory
{
    public static SocketsHttpHandler Create(ClusterConfig config, X509Certificate2Collection? clientCertificates)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            EnableMultipleHttp2Connections = true,
            // As client-go: a link that was cut without a word is found out within 45 s, also while only a watch is open.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90),
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
            Proxy = config.Proxy is { } proxy
                ? new WebProxy(proxy) { Credentials = ProxyCredentials(proxy) }
                : EnvironmentProxy.FromEnvironment(),
            SslOptions = Tls(config, clientCertificates),
        };
        return handler;
    }

    private static SslClientAuthenticationOptions Tls(ClusterConfig config, X509Certificate2Collection? clientCertificates)
    {
        var tls = new SslClientAuthenticationOptions
        {
            // Cluster certificates carry no usable revocation address.
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (clientCertificates is { Count: > 0 })
        {
            var intermediates = new X509Certificate2Collection(clientCertificates.Skip(1).ToArray());
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(clientCertificates[0], intermediates, offline: true);
        }

        if (config.InsecureSkipTlsVerify)
        {
#pragma warning disable CA5359 // The user asked for it with insecure-skip-tls-verify.
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (config.CertificateAuthorities is { } authorities)
        {
            var anchors = new TrustAnchors(authorities);
            tls.CertificateChainPolicy = anchors.Policy();
            tls.RemoteCertificateValidationCallback = (_, _, chain, errors) => IsTrusted(anchors, chain, errors);
        }

        return tls;
    }

    private static bool IsTrusted(TrustAnchors anchors, X509Chain? chain, SslPolicyErrors errors)
    {
        if (
            errors == SslPolicyErrors.None
            || errors == SslPolicyErrors.RemoteCertificateChainErrors && chain is not null && anchors.EndsHere(chain)
        )
        {
            return true;
        }

        // Of a callback that just says no, nobody is told why.
        var chainErrors = string.Join(", ", chain?.ChainStatus.Select(static status => status.Status) ?? []);
        throw new AuthenticationException(
            $"the server's certificate is invalid: {errors}{(chainErrors.Length > 0 ? $" ({chainErrors})" : "")}"
        );
    }

    private static NetworkCredential? ProxyCredentials(Uri proxy)
    {
        if (proxy.UserInfo.Length == 0)
        {
            return null;
        }

        var parts = proxy.UserInfo.Split(':', 2);
        return new NetworkCredential(Uri.UnescapeDataString(parts[0]), parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "");
    }
}
