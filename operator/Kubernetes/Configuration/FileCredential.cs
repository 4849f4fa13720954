using System.Security.Cryptography.X509Certificates;

namespace Mooring.Kubernetes.Configuration;

/// <summary>A token and a client certificate in files, read again as they change: kubelets and cert-managers rotate them in place.</summary>
/// <remarks>
/// Files are looked at once a minute, and after a 401. One that has become unreadable leaves the last good credential in use: half-written
/// files are common, and the server is the judge.
/// </remarks>
internal sealed class FileCredential(string? tokenFile, PemSource? certificate, PemSource? key, TimeProvider time) : ICredentialSource
{
    internal static readonly TimeSpan CheckInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private Credential? _current;
    private long _checked;
    private DateTime _certificateChanged;
    private DateTime _keyChanged;
    private X509Certificate2Collection? _pair;

    /// <summary>Used where there is no token file.</summary>
    public string? Token { get; init; }

    /// <inheritdoc/>
    public ValueTask<Credential> GetAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_current is { } current && time.GetElapsedTime(_checked) < CheckInterval)
            {
                return ValueTask.FromResult(current);
            }

            return ValueTask.FromResult(Refresh());
        }
    }

    /// <inheritdoc/>
    public bool Invalidate(Credential refused)
    {
        lock (_lock)
        {
            if (_current is null || !ReferenceEquals(_current, refused))
            {
                return true;
            }

            return !ReferenceEquals(Refresh(), refused);
        }
    }

    private Credential Refresh()
    {
        _checked = time.GetTimestamp();
        try
        {
            var token = tokenFile is null ? Token : File.ReadAllText(tokenFile).Trim();
            if (tokenFile is not null && string.IsNullOrEmpty(token))
            {
                throw new CredentialException($"{tokenFile}: empty");
            }

            var pair = ReadPair();
            if (_current is null || _current.Token != token || !ReferenceEquals(_current.Certificates, pair))
            {
                _current = new Credential { Token = token, Certificates = pair };
            }

            return _current;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CredentialException)
        {
            return _current ?? throw new CredentialException($"cannot read the credential: {error.Message}", error);
        }
    }

    private X509Certificate2Collection? ReadPair()
    {
        if (certificate is null || key is null)
        {
            return null;
        }

        if (_pair is not null && certificate.LastChanged() == _certificateChanged && key.LastChanged() == _keyChanged)
        {
            return _pair;
        }

        var (certificateText, certificateChanged) = certificate.Read();
        var (keyText, keyChanged) = key.Read();
        _pair = Pem.KeyPair(certificateText, keyText);
        (_certificateChanged, _keyChanged) = (certificateChanged, keyChanged);
        return _pair;
    }
}
