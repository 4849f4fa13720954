using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Transport.Tls;

/// <summary>A certificate with chain and key as read from files, known to fit together.</summary>
/// <param name="Certificate">PEM.</param>
/// <param name="Key">PEM.</param>
/// <param name="Names">DNS names that it is for.</param>
/// <param name="NotAfter">When it expires.</param>
internal sealed record KeyPair(byte[] Certificate, byte[] Key, IReadOnlyList<string> Names, DateTimeOffset NotAfter)
{
    public bool IsOf(byte[] certificate, byte[] key) => Certificate.AsSpan().SequenceEqual(certificate) && Key.AsSpan().SequenceEqual(key);
}

/// <summary>Reads PEM files. Whatever is wrong with one is an <see cref="OpenSslException"/> or <see cref="IOException"/> that names it.</summary>
internal static class PemFiles
{
    private const int MaxBytes = 1 << 20;
    private const int MaxNames = 1000;
    private const string CommonName = "2.5.4.3";

    /// <summary>Reads a certificate and its key, and checks that they belong together.</summary>
    /// <param name="files">Where they are.</param>
    /// <param name="before">Returned where the files have its content.</param>
    public static KeyPair ReadPair(CertificateConfig files, KeyPair? before)
    {
        var certificate = Read(files.CertificateFile);
        var key = Read(files.KeyFile);
        if (before?.IsOf(certificate, key) == true)
        {
            return before;
        }

        try
        {
            using var leaf = X509Certificate2.CreateFromPem(System.Text.Encoding.UTF8.GetString(certificate));
            var pair = new KeyPair(certificate, key, Names(leaf), new DateTimeOffset(leaf.NotAfter.ToUniversalTime(), TimeSpan.Zero));
            using var trial = SslContext.Create(server: true, SslVersion.Tls12);
            SslCertificates.Use(trial, pair, files);
            return pair;
        }
        catch (CryptographicException error)
        {
            // No certificate, or one whose names cannot be read.
            throw new OpenSslException($"{files.CertificateFile}: {error.Message}");
        }
    }

    /// <summary>Reads certificate revocation lists, of which there must be one at least.</summary>
    /// <param name="path">Where they are.</param>
    /// <param name="before">Returned where the file has its content.</param>
    public static RevocationList ReadRevocations(string path, RevocationList? before)
    {
        var pem = Read(path);
        if (before is not null && before.Pem.AsSpan().SequenceEqual(pem))
        {
            return before;
        }

        using var trial = SslContext.Create(server: true, SslVersion.Tls12);
        return new RevocationList(pem, SslRevocations.Use(trial, pem, path));
    }

    /// <summary>Reads a bundle of CA certificates, of which there must be one at least.</summary>
    /// <param name="path">Where they are.</param>
    /// <param name="before">Returned where the file has its content.</param>
    public static byte[] ReadAuthorities(string path, byte[]? before)
    {
        var pem = Read(path);
        if (before is not null && before.AsSpan().SequenceEqual(pem))
        {
            return before;
        }

        using var trial = SslContext.Create(server: false, SslVersion.Tls12);
        SslCertificates.Trust(trial, pem, path, announce: false);
        return pem;
    }

    /// <summary>The private key's bytes inside the PEM.</summary>
    public static byte[] Decode(byte[] pem)
    {
        var text = System.Text.Encoding.UTF8.GetString(pem);
        var rest = text.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            // An EC key file may begin with its parameters.
            if (rest[fields.Label].EndsWith("PRIVATE KEY", StringComparison.Ordinal))
            {
                return Convert.FromBase64String(rest[fields.Base64Data].ToString());
            }

            rest = rest[fields.Location.End..];
        }

        return pem;
    }

    private static byte[] Read(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (file.Length is 0 or > MaxBytes)
            {
                throw new OpenSslException($"{path}: has {file.Length} bytes; must have 1 to {MaxBytes}");
            }

            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new OpenSslException($"{path}: {error.Message}");
        }
    }

    /// <summary>The DNS names of the certificate; only where it has no such list, its subject's common name.</summary>
    private static IReadOnlyList<string> Names(X509Certificate2 leaf)
    {
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(static list => list.EnumerateDnsNames());
        var found = names.Take(MaxNames).ToList();
        if (found.Count > 0)
        {
            return found;
        }

        return
        [
            .. leaf
                .SubjectName.EnumerateRelativeDistinguishedNames()
                .Where(static part => !part.HasMultipleElements && part.GetSingleElementType().Value == CommonName)
                .Select(static part => part.GetSingleElementValue() ?? ""),
        ];
    }
}
