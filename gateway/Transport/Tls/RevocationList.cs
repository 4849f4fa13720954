namespace Mooring.Gateway.Transport.Tls;

/// <summary>Certificate revocation lists (RFC 5280 §5) as read from one file, known to be readable.</summary>
/// <param name="Pem">One or more.</param>
/// <param name="NextUpdate">When the first of them expires: from then on nobody with a certificate of its CA is let in. The end of time where none says.</param>
internal sealed record RevocationList(byte[] Pem, DateTimeOffset NextUpdate)
{
    public bool IsExpired(DateTimeOffset now) => now >= NextUpdate;
}

/// <summary>What the certificates of the other ends are judged by: of clients, or of a backend's endpoints.</summary>
/// <param name="Authorities">CAs that may have issued them, PEM; null: those of the system.</param>
/// <param name="Revocations">What is revoked; null: nothing is asked.</param>
/// <param name="IsExpired">Of <paramref name="Revocations"/>, when this was made: sessions from before are resumed no more.</param>
internal sealed record PeerTrust(byte[]? Authorities, RevocationList? Revocations = null, bool IsExpired = false);
