namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>What a header of version 2 carries besides the addresses (§2.2.1 to §2.2.6). Spans are whoever's who filled it; what is empty is left out.</summary>
internal ref struct ProxyWords
{
    /// <summary>At most <see cref="ProxyTlvs.MaxText"/> bytes, as each of the texts without a bound of its own.</summary>
    public ReadOnlySpan<byte> Alpn;

    /// <summary>At most <see cref="ProxyTlvs.MaxAuthority"/> bytes.</summary>
    public ReadOnlySpan<byte> Authority;

    /// <summary>At most <see cref="ProxyTlvs.MaxUniqueId"/> bytes.</summary>
    public ReadOnlySpan<byte> UniqueId;

    /// <summary>There is to be an SSL TLV.</summary>
    public bool HasSsl;

    /// <summary><c>PP2_CLIENT_*</c>; 0: the client came without TLS.</summary>
    public ProxyClient Client;

    /// <summary>0: the client has presented a certificate, and it was verified.</summary>
    public uint Verify;

    /// <summary>Such as <c>TLSv1.3</c>.</summary>
    public ReadOnlySpan<byte> SslVersion;

    public ReadOnlySpan<byte> SslCommonName;

    /// <summary>Its name of OpenSSL or, of TLS 1.3, of IANA.</summary>
    public ReadOnlySpan<byte> SslCipher;
}

/// <summary><c>PP2_CLIENT_*</c> of §2.2.6.</summary>
[Flags]
internal enum ProxyClient : byte
{
    None = 0,
    Ssl = 1,

    /// <summary>It presented a certificate over this connection.</summary>
    CertificateNow = 2,

    /// <summary>It presented one over this connection, or the one whose session this resumes.</summary>
    CertificateInSession = 4,
}
