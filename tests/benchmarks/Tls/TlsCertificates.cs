using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Tls;

/// <summary>Makes self-signed certificates for the servers, the same for all.</summary>
internal static class TlsCertificates
{
    public static TlsFiles Make(string directory, string name, bool rsa)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsaKey
            ? new CertificateRequest("CN=localhost", rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest("CN=localhost", (ECDsa)key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var pem = certificate.ExportCertificatePem() + "\n";
        var secret = key.ExportPkcs8PrivateKeyPem() + "\n";
        return new TlsFiles(Write("crt", pem), Write("key", secret), Write("pem", pem + secret));

        string Write(string extension, string text)
        {
            var path = Path.Combine(directory, $"{name}.{extension}");
            File.WriteAllText(path, text);
            return path;
        }
    }
}
