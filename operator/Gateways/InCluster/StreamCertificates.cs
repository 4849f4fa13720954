using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Mooring.Operator.Gateways.InCluster;

/// <summary>The operator's own authority and the certificate of its stream, in PEM. Immutable; made and renewed by <see cref="StreamAuthority"/>.</summary>
/// <param name="AuthorityBundle">What gateways trust: the authority's certificate first, then the one before it while that is valid.</param>
/// <param name="AuthorityKey">PKCS #8 key of the authority.</param>
/// <param name="Certificate">The stream server's certificate.</param>
/// <param name="Key">PKCS #8 key of the stream server.</param>
public sealed record StreamCertificates(string AuthorityBundle, string AuthorityKey, string Certificate, string Key)
{
    /// <summary>Never the keys.</summary>
    public override string ToString() => nameof(StreamCertificates);
}

/// <summary>Issues and renews the certificates of the stream. Pure but for the random keys.</summary>
/// <remarks>ECDSA on P-256. The authority lives ten years and is renewed in its last; the server's certificate 90 days and is renewed in the last 30.</remarks>
public static class StreamAuthority
{
    public static readonly TimeSpan AuthorityLife = TimeSpan.FromDays(3650);
    public static readonly TimeSpan AuthorityRenewal = TimeSpan.FromDays(365);
    public static readonly TimeSpan CertificateLife = TimeSpan.FromDays(90);
    public static readonly TimeSpan CertificateRenewal = TimeSpan.FromDays(30);

    // Clocks of nodes differ.
    private static readonly TimeSpan Backdating = TimeSpan.FromMinutes(10);

    /// <summary>Returns <paramref name="current"/> itself while it is good for <paramref name="names"/>, else certificates to use from now on.</summary>
    /// <param name="current">Null, or anything that cannot be read: everything is made anew.</param>
    /// <param name="names">DNS names and IP addresses that gateways dial; the first also becomes the common name.</param>
    public static StreamCertificates Ensure(StreamCertificates? current, IReadOnlyList<string> names, DateTimeOffset now)
    {
        if (names.Count == 0)
        {
            throw new ArgumentException("a certificate needs a name", nameof(names));
        }

        using var authority = current is null ? null : LoadAuthority(current);
        if (current is null || authority is null || authority.NotAfter.ToUniversalTime() <= now.UtcDateTime)
        {
            return Issue(NewAuthority(now), "", names, now);
        }

        if (authority.NotAfter.ToUniversalTime() - AuthorityRenewal <= now.UtcDateTime || IsOfTheFuture(authority, now))
        {
            // The old one stays in the bundle: gateways that have not read the new bundle yet go on, and those that have trust both.
            // One of the future among them: it is as good as its clock is.
            return Issue(NewAuthority(now), authority.ExportCertificatePem(), names, now);
        }

        return IsGood(current, authority, names, now)
            ? current
            : Issue((authority.ExportCertificatePem(), current.AuthorityKey), OlderAuthorities(current), names, now);
    }

    private static bool IsGood(StreamCertificates current, X509Certificate2 authority, IReadOnlyList<string> names, DateTimeOffset now)
    {
        try
        {
            using var certificate = X509Certificate2.CreateFromPem(current.Certificate, current.Key);
            return !IsOfTheFuture(certificate, now)
                && certificate.NotAfter.ToUniversalTime() - CertificateRenewal > now.UtcDateTime
                && certificate.IssuerName.RawData.AsSpan().SequenceEqual(authority.SubjectName.RawData)
                && names.All(name => certificate.MatchesHostname(name, allowWildcards: false, allowCommonName: false));
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            return false;
        }
    }

    // Made while a clock was ahead by more than the backdating: nobody takes it for valid once the clock is right again.
    private static bool IsOfTheFuture(X509Certificate2 certificate, DateTimeOffset now) =>
        certificate.NotBefore.ToUniversalTime() > now.UtcDateTime;

    private static X509Certificate2? LoadAuthority(StreamCertificates current)
    {
        try
        {
            return X509Certificate2.CreateFromPem(current.AuthorityBundle, current.AuthorityKey);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static string OlderAuthorities(StreamCertificates current)
    {
        var bundle = new X509Certificate2Collection();
        bundle.ImportFromPem(current.AuthorityBundle);
        return string.Join('\n', bundle.Skip(1).Take(1).Select(certificate => certificate.ExportCertificatePem()));
    }

    private static (string Certificate, string Key) NewAuthority(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // The number tells two authorities of one installation apart: chains are built by name.
        var request = new CertificateRequest(
            $"CN=mooring-stream-ca-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}",
            key,
            HashAlgorithmName.SHA256
        );
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, 0, critical: true)
        );
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true)
        );
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var certificate = request.CreateSelfSigned(now - Backdating, now + AuthorityLife);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private static StreamCertificates Issue(
        (string Certificate, string Key) authority,
        string older,
        IReadOnlyList<string> names,
        DateTimeOffset now
    )
    {
        using var issuer = X509Certificate2.CreateFromPem(authority.Certificate, authority.Key);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // A common name takes 64 characters at most (RFC 5280, appendix A.1); the names that count are the alternative ones.
        var request = new CertificateRequest($"CN={names[0][..Math.Min(64, names[0].Length)]}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true)
        );
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false)
        );
        request.CertificateExtensions.Add(Alternatives(names));
        var (begin, end) = (now - Backdating, now + CertificateLife);
        var (first, last) = (new DateTimeOffset(issuer.NotBefore), new DateTimeOffset(issuer.NotAfter));
        // Within its issuer's life, which began a little later where the clock was set back since.
        using var certificate = request.Create(
            issuer,
            begin > first ? begin : first,
            end < last ? end : last,
            RandomNumberGenerator.GetBytes(16)
        );
        var bundle = older.Length == 0 ? authority.Certificate : $"{authority.Certificate}\n{older}";
        return new StreamCertificates(bundle + "\n", authority.Key, certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private static X509Extension Alternatives(IReadOnlyList<string> names)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(name);
            }
        }

        return alternatives.Build();
    }
}
