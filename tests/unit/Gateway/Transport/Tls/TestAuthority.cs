using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tests.Transport.Tls;

/// <summary>A CA of a test, and the certificates it issues, as PEM files in a folder of its own.</summary>
internal sealed class TestAuthority : IDisposable
{
    private readonly X509Certificate2 _certificate;
    private readonly string _chain = "";
    private int _serial;

    /// <param name="name">Common name.</param>
    /// <param name="issuer">Who issues its certificate, which is then behind every certificate that this one issues; null: it is a root.</param>
    public TestAuthority(string name = "Test CA", TestAuthority? issuer = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (issuer is null)
        {
            _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        }
        else
        {
            using var certificate = issuer.Sign(request);
            _certificate = certificate.CopyWithPrivateKey(key);
            _chain = "\n" + _certificate.ExportCertificatePem();
            Write(issuer.Files(name).CertificateFile, _certificate.ExportCertificatePem());
        }

        File.WriteAllText(CaFile, _certificate.ExportCertificatePem());
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("mooring-tls-").FullName;

    /// <summary>PEM file of the CA.</summary>
    public string CaFile => Path.Combine(Folder, "ca.crt");

    /// <summary>For clients that trust it.</summary>
    public X509Certificate2 Root => _certificate;

    /// <summary>Issues a certificate for these names, into <c>NAME.crt</c> and <c>NAME.key</c>.</summary>
    public CertificateConfig Issue(string name, params string[] names) => Issue(name, rsa: false, names);

    public CertificateConfig Issue(string name, bool rsa, params string[] names)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsaKey
            ? new CertificateRequest($"CN={name}", rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var one in names)
        {
            if (IPAddress.TryParse(one, out var address))
            {
                alternatives.AddIpAddress(address);
            }
            else
            {
                alternatives.AddDnsName(one);
            }
        }

        request.CertificateExtensions.Add(alternatives.Build());
        using var certificate = Sign(request);
        var files = Files(name);
        // The key first: a look in between finds a pair that does not fit, and keeps what it had.
        Write(files.KeyFile, key.ExportPkcs8PrivateKeyPem());
        Write(files.CertificateFile, certificate.ExportCertificatePem() + _chain);
        return files;
    }

    /// <summary>PEM file that <see cref="Revoke"/> writes.</summary>
    public string CrlFile => Path.Combine(Folder, "ca.crl");

    /// <summary>Issues a list of these names' certificates, instead of the one before.</summary>
    public void Revoke(DateTimeOffset until, params string[] names)
    {
        var builder = new CertificateRevocationListBuilder();
        foreach (var name in names)
        {
            using var certificate = X509Certificate2.CreateFromPem(File.ReadAllText(Files(name).CertificateFile));
            builder.AddEntry(certificate);
        }

        var list = builder.Build(_certificate, ++_serial, until, HashAlgorithmName.SHA256, thisUpdate: DateTimeOffset.UtcNow.AddDays(-2));
        File.WriteAllText(CrlFile, PemEncoding.WriteString("X509 CRL", list));
    }

    /// <summary>Where a name's files are.</summary>
    public CertificateConfig Files(string name) =>
        new()
        {
            Name = name,
            CertificateFile = Path.Combine(Folder, $"{name}.crt"),
            KeyFile = Path.Combine(Folder, $"{name}.key"),
        };

    public void Dispose()
    {
        _certificate.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private X509Certificate2 Sign(CertificateRequest request) =>
        request.Create(
            _certificate.SubjectName,
            X509SignatureGenerator.CreateForECDsa(_certificate.GetECDsaPrivateKey()!),
            DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(20),
            BitConverter.GetBytes(++_serial)
        );

    private static void Write(string path, string text) => File.WriteAllText(path, text);
}
