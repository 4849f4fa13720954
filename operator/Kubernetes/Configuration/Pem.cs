using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Mooring.Kubernetes.Configuration;

/// <summary>Client certificates from PEM text.</summary>
internal static class Pem
{
    /// <summary>The first certificate with its key, then its intermediates.</summary>
    /// <exception cref="CredentialException">Either is malformed, or they do not belong together.</exception>
    public static X509Certificate2Collection KeyPair(string certificates, string key)
    {
        try
        {
            X509Certificate2Collection all = [];
            all.ImportFromPem(certificates);
            var pair = new X509Certificate2Collection(X509Certificate2.CreateFromPem(certificates, key));
            pair.AddRange(new X509Certificate2Collection(all.Skip(1).ToArray()));
            return pair;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new CredentialException($"the client certificate or key is not usable: {error.Message}", error);
        }
    }
}

/// <summary>PEM text, given as it is or read from a file.</summary>
internal abstract record PemSource
{
    public static PemSource Of(byte[]? data, string? file) =>
        data is not null ? new Inline(Encoding.UTF8.GetString(data)) : new InFile(file!);

    /// <summary>The text, and when it last changed.</summary>
    public abstract (string Text, DateTime Changed) Read();

    public abstract DateTime LastChanged();

    private sealed record Inline(string Text) : PemSource
    {
        public override (string Text, DateTime Changed) Read() => (Text, default);

        public override DateTime LastChanged() => default;
    }

    private sealed record InFile(string Path) : PemSource
    {
        public override (string Text, DateTime Changed) Read()
        {
            var changed = LastChanged();
            return (File.ReadAllText(Path), changed);
        }

        public override DateTime LastChanged() => File.GetLastWriteTimeUtc(Path);
    }
}
