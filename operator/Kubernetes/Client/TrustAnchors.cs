using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Client;

/// <summary>Certificates that are trusted as they are given, self-signed or not, as Go's programs do it: kubectl and the API server. Immutable and thread-safe.</summary>
/// <remarks>
/// .NET takes self-signed ones alone for anchors. By an intermediate without its root, which a cluster's CA may well be ("Single root CA" of Kubernetes' page on PKI
/// certificates), it finds a partial chain, or an untrusted root.
/// </remarks>
public sealed class TrustAnchors(X509Certificate2Collection certificates)
{
    private const X509ChainStatusFlags NoRoot = X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot;

    /// <summary>How a chain is to be built that <see cref="EndsHere"/> is asked about. A new one for each caller.</summary>
    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            // A stranger's certificate may name any address as its issuer's.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(certificates);
        return policy;
    }

    /// <summary>A chain that was built by <see cref="Policy"/> leads to one of the certificates, and nothing else is wrong with it.</summary>
    public bool EndsHere(X509Chain chain) =>
        chain.ChainStatus.All(static status => (status.Status & ~NoRoot) == X509ChainStatusFlags.NoError)
        && chain.ChainElements.Any(element =>
            certificates.Any(given => given.RawDataMemory.Span.SequenceEqual(element.Certificate.RawDataMemory.Span))
        );
}
