using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("TLS from the gateways to a backend. Its certificate is verified, unless that is switched off in so many words.")]
[ValidationRule(
    "!self.insecureSkipVerify || !has(self.caRef)",
    "must not be true where caRef says what to verify by",
    FieldPath = ".insecureSkipVerify"
)]
[ValidationRule(
    "!self.insecureSkipVerify || !has(self.crlRef)",
    "must not be true where crlRef says what to verify by",
    FieldPath = ".insecureSkipVerify"
)]
public sealed record BackendTlsSpec
{
    [Description("Sent as server name, and what the certificate must be for. Left out: the host of each address, or the Service's name.")]
    [Length(1, 253), Pattern(Patterns.HostNameOrAddress, Patterns.HostNameOrAddressMeaning)]
    public string? ServerName { get; set; }

    [Description("The CAs to trust. Left out: those of the gateway's image.")]
    public CaReference? CaRef { get; set; }

    [Description(
        "Revocation lists, one for each CA in a certificate's chain. An endpoint whose certificate is in one is not connected to, and so is one whose CA has none or an expired one. Renewed lists are in force within seconds, for new connections. Left out: nothing is asked."
    )]
    public CrlReference? CrlRef { get; set; }

    [Description("Takes any certificate, so that anybody on the way can read and change everything. For tries only.")]
    public bool InsecureSkipVerify { get; set; }

    [Description("Secret of type kubernetes.io/tls with the certificate that the gateways show to a backend that asks for one.")]
    public SecretReference? ClientCertificateRef { get; set; }
}
