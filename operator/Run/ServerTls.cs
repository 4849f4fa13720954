using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Mooring.Operator.Run;

/// <summary>TLS of one of the operator's servers, by a certificate that may be renewed while it serves. Thread-safe.</summary>
/// <remarks>
/// The chain and OpenSSL's context are made once for a certificate. Left to itself (a selector of certificates), .NET makes both anew for each connection,
/// and each stream would hold on to its own.
/// </remarks>
/// <param name="certificate">Asked for each connection, so that a renewed one is used at once; null while there is none, and then none can connect.</param>
/// <param name="isClient">Whether a client's certificate is good; null: none is asked for.</param>
internal sealed class ServerTls(Func<X509Certificate2?> certificate, Func<X509Certificate2, bool>? isClient)
{
    static ServerTls() => TlsBuffers.Release();

    // A race makes it twice, and one of them is used.
    private volatile Made? _made;

    /// <summary>What Kestrel is given.</summary>
    public TlsHandshakeCallbackOptions Callback => new() { OnConnection = _ => ValueTask.FromResult(Options()) };

    private SslServerAuthenticationOptions Options()
    {
        var current = certificate() ?? throw new AuthenticationException("there is no certificate yet");
        if (_made is not { } made || !ReferenceEquals(made.Certificate, current))
        {
            _made = made = new Made(current, Make(current));
        }

        return made.Options;
    }

    private SslServerAuthenticationOptions Make(X509Certificate2 current)
    {
        var options = new SslServerAuthenticationOptions
        {
            // Offline: it is the operator's own authority that signed it, and nobody else knows of it.
            ServerCertificateContext = SslStreamCertificateContext.Create(current, additionalCertificates: null, offline: true),
        };
        if (isClient is not null)
        {
            options.ClientCertificateRequired = true;
            // The chain that .NET builds before it asks: a stranger's certificate may name any address as its issuer's.
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
            options.RemoteCertificateValidationCallback = (_, client, _, _) => client is X509Certificate2 shown && isClient(shown);
        }

        return options;
    }

    private sealed record Made(X509Certificate2 Certificate, SslServerAuthenticationOptions Options);
}
