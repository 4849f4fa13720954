using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>The TLS of a backend's active checks, which trusts, and shows itself, as the backend's connections do. Immutable and thread-safe.</summary>
/// <remarks>By .NET's own client: checks are rare, and their sockets are not the loops'.</remarks>
/// <param name="config">The backend's TLS.</param>
/// <param name="trust">What the endpoints' certificates are judged by.</param>
/// <param name="pair">Client certificate, where the config has one.</param>
/// <param name="context">Of the backend's connections, with the same trust.</param>
internal sealed class CheckTls(BackendTlsConfig config, PeerTrust trust, KeyPair? pair, SslContext context)
{
    private readonly X509Certificate2Collection? _roots = trust.Authorities is null ? null : Read(trust.Authorities);

    private readonly SslStreamCertificateContext? _own = pair is null ? null : Own(pair);

    /// <summary>Takes any certificate, as kubelet's probes do: whether the endpoint answers is asked, not who it is, and nothing secret is sent.</summary>
    public static SslClientAuthenticationOptions Unverified(string host) =>
        new()
        {
            TargetHost = host,
#pragma warning disable CA5359 // See above.
            RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
        };

    /// <param name="host">Who the endpoint's certificate must be for.</param>
    public SslClientAuthenticationOptions Options(string host)
    {
        var options = config.InsecureSkipVerify ? Unverified(host) : new SslClientAuthenticationOptions { TargetHost = host };
        options.ClientCertificateContext = _own;
        // A resumed session would not show the certificate that the endpoint has by now.
        options.AllowTlsResume = false;
        if (!config.InsecureSkipVerify)
        {
            options.CertificateChainPolicy = new X509ChainPolicy
            {
                // .NET takes lists from where certificates say they are, and not from a file.
                RevocationMode = X509RevocationMode.NoCheck,
                // What a certificate names is not fetched: a check goes to its endpoint alone.
                DisableCertificateDownloads = true,
                TrustMode = _roots is null ? X509ChainTrustMode.System : X509ChainTrustMode.CustomRootTrust,
            };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(_roots ?? []);
            if (trust.Revocations is not null)
            {
                options.RemoteCertificateValidationCallback = AskLists;
            }
        }

        return options;
    }

    private bool AskLists(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (errors != SslPolicyErrors.None)
        {
            return false;
        }

        var verdict = SslRevocations.Verify(context, [.. chain!.ChainElements.Select(static element => element.Certificate.RawData)]);
        return verdict == 0 ? true : throw new AuthenticationException(SslVerdict.Words(verdict));
    }

    private static X509Certificate2Collection Read(byte[] pem)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(Encoding.UTF8.GetString(pem));
        return certificates;
    }

    private static SslStreamCertificateContext Own(KeyPair pair)
    {
        var chain = Read(pair.Certificate);
        var own = X509Certificate2.CreateFromPem(Encoding.UTF8.GetString(pair.Certificate), Encoding.UTF8.GetString(pair.Key));
        return SslStreamCertificateContext.Create(own, chain, offline: true);
    }
}
