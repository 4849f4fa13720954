using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Mooring.Api.Tests.Cluster;

/// <summary>A certificate and its key, in PEM.</summary>
internal sealed record PemPair(string Certificate, string Key);

/// <summary>The cluster's certificate authority: signs the server's certificate and one client certificate a user.</summary>
internal sealed class Authority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public Authority()
    {
        var request = new CertificateRequest("CN=test-cluster-ca", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(2));
    }

    public string CertificatePem => _certificate.ExportCertificatePem();

    public X509Certificate2 Certificate => _certificate;

    public PemPair Server(params IEnumerable<string> names)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        alternatives.AddIpAddress(IPAddress.Loopback);
        foreach (var name in names)
        {
            alternatives.AddDnsName(name);
        }

        return Sign("CN=kube-apiserver", "1.3.6.1.5.5.7.3.1", alternatives.Build());
    }

    /// <summary>The API server takes the common name as the user and organizations as groups.</summary>
    public PemPair Client(string user, params IEnumerable<string> groups) =>
        Sign(string.Join(',', groups.Select(group => $"O={group}").Append($"CN={user}")), "1.3.6.1.5.5.7.3.2", null);

    private PemPair Sign(string subject, string usage, X509Extension? alternatives)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        if (alternatives is not null)
        {
            request.CertificateExtensions.Add(alternatives);
        }

        using var signed = request.Create(
            _certificate,
            new DateTimeOffset(_certificate.NotBefore),
            new DateTimeOffset(_certificate.NotAfter),
            RandomNumberGenerator.GetBytes(12)
        );
        return new PemPair(signed.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }
}
