namespace Mooring.Gateway.Transport.Tls;

// Values of OpenSSL 3's public headers (openssl/ssl.h, tls1.h, sslerr.h), which its ABI keeps.

internal static class SslControl
{
    public const int ChainCertificate = 89;
    public const int Mode = 33;
    public const int ReadAhead = 41;
    public const int SessionCacheMode = 44;
    public const int MaxCertificateList = 51;
    public const int ServerNameCallback = 53;
    public const int HostName = 55;
    public const int Groups = 92;
    public const int MinVersion = 123;
    public const int MaxVersion = 124;
}

internal static class SslMode
{
    public const int PartialWrite = 1;
    public const int MovingBuffer = 2;
    public const int ReleaseBuffers = 16;
}

internal static class SslOption
{
    public const ulong IgnoreUnexpectedEnd = 1ul << 7;
    public const ulong NoSessionTickets = 1ul << 14;
    public const ulong NoCompression = 1ul << 17;
    public const ulong PrioritizeChaCha = 1ul << 21;
    public const ulong ServerPreference = 1ul << 22;
    public const ulong NoAntiReplay = 1ul << 24;
    public const ulong NoRenegotiation = 1ul << 30;
}

internal static class BioControl
{
    public const int Eof = 2;
}

internal static class SslCache
{
    public const int Off = 0;
    public const int ClientWithoutStore = 0x001 | 0x0300;
}

internal static class SslVerify
{
    public const int None = 0;
    public const int Peer = 1;
    public const int FailWithoutCertificate = 2;

    /// <summary>X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS.</summary>
    public const uint NoPartialWildcards = 4;
}

/// <summary>What became of the verification of a certificate: X509_V_ERR_* of openssl/x509_vfy.h.</summary>
internal static class SslVerdict
{
    public const long Revoked = 23;

    /// <summary>The certificate may be good; a revocation list that would say so is missing, expired, or no good itself.</summary>
    public static bool IsOfRevocationList(long verdict) => verdict is 3 or 5 or 8 or 11 or 12 or 15 or 16 or 33 or 35 or 36 or 44 or 54;

    /// <summary>As OpenSSL says it.</summary>
    public static unsafe string? Words(long verdict) =>
        System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)OpenSsl.VerifyErrorText(verdict));
}

internal static class SslError
{
    public const int WantRead = 2;
    public const int WantWrite = 3;
    public const int ZeroReturn = 6;
}

/// <summary>Reasons of the SSL library's errors: the low 23 bits of an error.</summary>
internal static class SslReason
{
    public const int CertificateVerifyFailed = 134;
    public const int PeerDidNotReturnCertificate = 199;
    public const int NoApplicationProtocol = 235;

    /// <summary>Of the PEM library: there is nothing more in the file.</summary>
    public const int NoStartLine = 108;

    public static int Of(ulong error) => (int)(error & 0x7F_FFFF);
}

internal static class SslVersion
{
    public const int Tls12 = 0x0303;
    public const int Tls13 = 0x0304;
}

/// <summary>What callbacks answer.</summary>
internal static class SslAnswer
{
    public const int Ok = 0;
    public const int Fatal = 2;
    public const int NoAck = 3;
}
