using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "For a listener behind another proxy or load balancer: takes the PROXY header that says who the client is. Trusted peers must send one; whether there is one is never guessed."
)]
public sealed record ProxyProtocolSpec
{
    [Description("Addresses and networks (CIDR) whose headers are believed, such as 10.0.0.0/8. 1 to 64.")]
    [Required, Items(1, 64, MaxTextLength = 49), Pattern(Patterns.Cidr, Patterns.CidrMeaning)]
    public IReadOnlyList<string> Trusted { get; set; } = [];

    [Description("Versions of the protocol that are taken.")]
    [AllowedValues("Any", "V1", "V2")]
    public string Versions { get; set; } = "Any";

    [Description(
        "What to do with peers that are not trusted. Refuse: reset them. Direct: serve them as clients of their own, reading none of what they send as a header."
    )]
    [AllowedValues("Refuse", "Direct")]
    public string Untrusted { get; set; } = "Refuse";

    [Description("The whole header must have come within this; more than 0s, at most 1m. Default 5s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('1m')", "must be more than 0s and at most 1m")]
    public string? Timeout { get; set; }
}

[Description("For a backend that wants a PROXY header at the start of every connection, which says who the client is.")]
[ValidationRule("self.version == 'V2' || !has(self.tlvs) || size(self.tlvs) == 0", "tlvs are only for version V2", FieldPath = ".tlvs")]
public sealed record BackendProxyProtocolSpec
{
    [Description("Version of the header: V1 (a line of text) or V2 (binary).")]
    [AllowedValues("V1", "V2")]
    public string Version { get; set; } = "V2";

    [Description(
        "What a header of version V2 carries besides the addresses. Authority: the host name that the client asked for, where it is known: "
            + "from its own PROXY header, or its TLS. UniqueId: an id of the connection. Crc32C: a checksum. Alpn: the protocol agreed on by TLS. "
            + "Ssl: whether the client came by TLS, with version and cipher, and whether with a certificate. SslCommonName: Ssl with that certificate's common name."
    )]
    [
        Items(0, 6, MaxTextLength = 13),
        Pattern("^(Authority|UniqueId|Crc32C|Alpn|Ssl|SslCommonName)$", "Authority, UniqueId, Crc32C, Alpn, Ssl or SslCommonName")
    ]
    [ValidationRule("self.all(t, self.exists_one(o, o == t))", "must not have an item twice")]
    public IReadOnlyList<string>? Tlvs { get; set; }
}
