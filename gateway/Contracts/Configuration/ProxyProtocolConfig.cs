using System.Text.Json.Serialization;

namespace Mooring.Contracts.Configuration;

/// <summary>Versions of PROXY headers that a listener takes.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProxyProtocolVersions>))]
public enum ProxyProtocolVersions
{
    Any,
    V1,
    V2,
}

/// <summary>What a listener that takes PROXY headers does with peers that are not trusted.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<UntrustedPeers>))]
public enum UntrustedPeers
{
    /// <summary>Reset at once.</summary>
    Refuse,

    /// <summary>Served as clients of their own; what they send is never read as a header.</summary>
    Direct,
}

/// <summary>A listener behind another proxy, which says who the client is in a PROXY header (HAProxy's proxy-protocol.txt).</summary>
/// <remarks>A trusted peer must send one: whether there is a header is never guessed, as the specification demands (§2).</remarks>
public sealed record ProxyProtocolConfig
{
    public const int MaxTrusted = 64;

    public ProxyProtocolVersions Versions { get; set; } = ProxyProtocolVersions.Any;

    /// <summary>Addresses and networks (CIDR) whose headers are believed; 1 to 64.</summary>
    public IReadOnlyList<string> Trusted { get; set; } = [];

    public UntrustedPeers Untrusted { get; set; } = UntrustedPeers.Refuse;

    /// <summary>The whole header must have come within this. 1 ms to 1 min; default 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);
}

[JsonConverter(typeof(JsonStringEnumConverter<ProxyProtocolVersion>))]
public enum ProxyProtocolVersion
{
    V1,
    V2,
}

/// <summary>What a header of version 2 carries besides the addresses.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProxyProtocolTlv>))]
public enum ProxyProtocolTlv
{
    /// <summary>Host name that the client asked for, where it is known: from its own PROXY header, or its TLS (terminated or passed through).</summary>
    Authority,

    /// <summary>The connection's id: that of its own PROXY header, else 32 hexadecimal digits.</summary>
    UniqueId,

    /// <summary>Checksum of the header.</summary>
    Crc32C,

    /// <summary>The protocol that the client and the gateway agreed on by TLS; none where they did not.</summary>
    Alpn,

    /// <summary>Whether the client came by TLS, with its version and cipher, and whether with a certificate that was verified. HAProxy: <c>send-proxy-v2-ssl</c>.</summary>
    Ssl,

    /// <summary><see cref="Ssl"/>, with the common name of the client's certificate. HAProxy: <c>send-proxy-v2-ssl-cn</c>.</summary>
    SslCommonName,
}

/// <summary>A backend that wants a PROXY header at the start of every connection.</summary>
public sealed record BackendProxyProtocolConfig
{
    public ProxyProtocolVersion Version { get; set; } = ProxyProtocolVersion.V2;

    /// <summary>Of version V2 only. Default: none.</summary>
    public IReadOnlyList<ProxyProtocolTlv> Tlvs { get; set; } = [];
}
