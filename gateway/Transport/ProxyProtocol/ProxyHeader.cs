namespace Mooring.Gateway.Transport.ProxyProtocol;

/// <summary>How far a header has come.</summary>
internal enum ProxyStatus : byte
{
    /// <summary>What is there may be the beginning of a header.</summary>
    NeedMore,

    Complete,

    /// <summary>What is there is no header, or one that breaks the specification.</summary>
    Error,
}

/// <summary>Versions of the protocol that a listener takes.</summary>
[Flags]
internal enum ProxyVersions : byte
{
    V1 = 1,
    V2 = 2,
    Any = V1 | V2,
}

/// <summary>What a parse found.</summary>
/// <param name="Status">Whether there is a header.</param>
/// <param name="Offset">On an error: the first byte that is wrong, from 0.</param>
/// <param name="Reason">On an error: why, as a constant text.</param>
internal readonly record struct ProxyParse(ProxyStatus Status, int Offset, string? Reason)
{
    public static readonly ProxyParse NeedMore = new(ProxyStatus.NeedMore, 0, null);
    public static readonly ProxyParse Complete = new(ProxyStatus.Complete, 0, null);

    public static ProxyParse Error(int offset, string reason) => new(ProxyStatus.Error, offset, reason);
}

/// <summary>A whole header (HAProxy's proxy-protocol.txt). Spans of it are given as ranges, since the bytes are the reader's.</summary>
internal struct ProxyHeader
{
    /// <summary>Longest line of version 1, CRLF included (§2.1).</summary>
    public const int MaxV1Bytes = 107;

    /// <summary>Longest header taken: TLVs are a few hundred bytes; certificates do not belong here.</summary>
    public const int MaxBytes = 4096;

    /// <summary>Room for the longest that this gateway writes: addresses and its TLVs, each of the greatest length.</summary>
    public const int MaxWrittenBytes = 1536;

    /// <summary>1 or 2.</summary>
    public int Version;

    /// <summary>Bytes of the header; what follows is the connection's own.</summary>
    public int Length;

    /// <summary>
    /// The header names the client. False for LOCAL, UNKNOWN, UNSPEC, Unix sockets and datagrams: the socket's own addresses hold then (§2.1, §2.2).
    /// </summary>
    public bool HasAddresses;

    /// <summary>The sender speaks for itself: a health check (§2.2).</summary>
    public bool IsLocal;

    public NetworkAddress Source;
    public NetworkAddress Destination;
    public ushort SourcePort;
    public ushort DestinationPort;

    /// <summary>Of version 2; all empty without.</summary>
    public ProxyTlvs Tlvs;
}

/// <summary>Where a value lies in the header.</summary>
/// <param name="Start">From the header's first byte.</param>
/// <param name="Length">0: there is none.</param>
internal readonly record struct ProxyRange(int Start, int Length)
{
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> header) => header.Slice(Start, Length);
}

/// <summary>The TLVs that the gateway keeps (§2.2.1 to §2.2.6); others are checked for their bounds and skipped.</summary>
internal struct ProxyTlvs
{
    public const byte Alpn = 0x01;
    public const byte Authority = 0x02;
    public const byte Crc32C = 0x03;
    public const byte UniqueId = 0x05;
    public const byte Ssl = 0x20;
    public const byte SslVersion = 0x21;
    public const byte SslCommonName = 0x22;
    public const byte SslCipher = 0x23;

    /// <summary>Longest unique id (§2.2.5).</summary>
    public const int MaxUniqueId = 128;

    /// <summary>Longest authority: a host name.</summary>
    public const int MaxAuthority = 255;

    /// <summary>Longest ALPN protocol, common name or TLS version that is taken.</summary>
    public const int MaxText = 255;

    public ProxyRange AlpnRange;
    public ProxyRange AuthorityRange;
    public ProxyRange UniqueIdRange;
    public ProxyRange SslVersionRange;
    public ProxyRange SslCommonNameRange;

    /// <summary>The SSL TLV's whole value.</summary>
    public ProxyRange SslRange;

    /// <summary>The client came to the sender by TLS (PP2_CLIENT_SSL).</summary>
    public bool Secure;

    /// <summary>There is something that logs or backends may be told.</summary>
    public readonly bool Any =>
        Secure
        || (AlpnRange.Length | AuthorityRange.Length | UniqueIdRange.Length | SslVersionRange.Length | SslCommonNameRange.Length) != 0;
}
