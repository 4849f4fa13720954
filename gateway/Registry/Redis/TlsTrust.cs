using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Mooring.Gateway.Registry.Redis;

/// <summary>Checks a server's certificate against the authorities of a file.</summary>
internal static class TlsTrust
{
    /// <summary>The check; without a file, the system's own.</summary>
    /// <exception cref="IOException">The file cannot be read or has no certificate.</exception>
    public static RemoteCertificateValidationCallback Load(string? caFile)
    {
        if (caFile is null)
        {
            return static (_, _, _, errors) => errors == SslPolicyErrors.None;
        }

        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPemFile(caFile);
        }
        catch (Exception e) when (e is System.Security.Cryptography.CryptographicException or UnauthorizedAccessException)
        {
            throw new IOException($"{caFile}: {e.Message}", e);
        }

        return roots.Count > 0
            ? (_, certificate, sent, errors) => Check(certificate, sent, errors, roots)
            : throw new IOException($"{caFile} has no certificate");
    }

    private static bool Check(X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        // That the chain leads to no root of the system is what the file is for; any other error stands.
        if (certificate is not X509Certificate2 server || (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(server);
    }
}
