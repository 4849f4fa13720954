using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("TLS 1.2 and 1.3 on a listener: ended here, or passed through by the server name that the client asks for.")]
[ValidationRule(
    "self.mode == 'Passthrough' || (has(self.certificateRefs) && size(self.certificateRefs) > 0)",
    "required in mode Terminate",
    FieldPath = ".certificateRefs"
)]
[ValidationRule(
    "self.mode == 'Terminate' || !has(self.certificateRefs) || size(self.certificateRefs) == 0",
    "is only for mode Terminate",
    FieldPath = ".certificateRefs"
)]
[ValidationRule(
    "self.mode == 'Terminate' || !has(self.clientCertificates)",
    "is only for mode Terminate",
    FieldPath = ".clientCertificates"
)]
[ValidationRule("self.mode == 'Terminate' || !has(self.alpn) || size(self.alpn) == 0", "is only for mode Terminate", FieldPath = ".alpn")]
[ValidationRule(
    "self.mode == 'Passthrough' || !has(self.routes) || size(self.routes) == 0",
    "is only for mode Passthrough",
    FieldPath = ".routes"
)]
public sealed record TlsListenerSpec
{
    [Description(
        "Terminate: the gateway ends TLS, and backends get what is inside. Passthrough (protocol TCP): the gateway only reads the server name, and passes everything on as it is."
    )]
    [AllowedValues("Terminate", "Passthrough")]
    public string Mode { get; set; } = "Terminate";

    [Description(
        "Secrets of type kubernetes.io/tls in the fleet's namespace. Each is for the DNS names in its certificate; a client that asks for none of them gets the first. At most 100."
    )]
    [Items(0, 100)]
    public IReadOnlyList<SecretReference> CertificateRefs { get; set; } = [];

    [Description("The least version of TLS: 1.2 or 1.3.")]
    [AllowedValues("1.2", "1.3")]
    public string MinVersion { get; set; } = "1.2";

    [Description(
        "Application protocols (ALPN) in order of preference; a client that offers only others is refused. Left out: none on TCP, http/1.1 on WebSocket. At most 8."
    )]
    [Items(0, 8, MaxTextLength = 32), Pattern("^[!-~]+$", "printable ASCII characters without blanks")]
    public IReadOnlyList<string> Alpn { get; set; } = [];

    [Description("Asks clients for a certificate (mutual TLS).")]
    public ClientCertificatesSpec? ClientCertificates { get; set; }

    [Description("The handshake must be over within this; more than 0s, at most 10m. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string? HandshakeTimeout { get; set; }

    [Description(
        "Backends by server name, in mode Passthrough. A connection that none takes goes to the listener's backend, or is refused where there is none. At most 32."
    )]
    [Items(0, 32)]
    public IReadOnlyList<ServerNameRouteSpec> Routes { get; set; } = [];
}

[Description("A Secret of the fleet's namespace.")]
public sealed record SecretReference
{
    [Description("Name of the Secret.")]
    [Required, Length(1, 253), Pattern(Patterns.SecretName, Patterns.SecretNameMeaning)]
    public string Name { get; set; } = "";
}

[Description("CA certificates in a Secret of the fleet's namespace.")]
public sealed record CaReference
{
    [Description("Name of the Secret.")]
    [Required, Length(1, 253), Pattern(Patterns.SecretName, Patterns.SecretNameMeaning)]
    public string Name { get; set; } = "";

    [Description("Key in the Secret, whose value is PEM.")]
    [Length(1, 253), Pattern(Patterns.SecretKey, Patterns.SecretKeyMeaning)]
    public string Key { get; set; } = "ca.crt";
}

[Description("Client certificates (mutual TLS).")]
public sealed record ClientCertificatesSpec
{
    [Description("The CAs that may have issued them.")]
    [Required]
    public CaReference CaRef { get; set; } = new();

    [Description(
        "Revocation lists, one for each CA in a certificate's chain. A certificate that is in one is refused, and so is one whose CA has none or an expired one. Renewed lists are in force within seconds, for new connections. Left out: nothing is asked."
    )]
    public CrlReference? CrlRef { get; set; }

    [Description("Required: nobody is served without one. Optional: a client without one is served, one with a bad one is not.")]
    [AllowedValues("Required", "Optional")]
    public string Mode { get; set; } = "Required";

    [Description("Intermediate CAs at most between a certificate and the CA: 0 to 10.")]
    [RangeMinimum(0), RangeMaximum(10)]
    public int Depth { get; set; } = 4;
}

[Description("Server names, and where connections to them go.")]
public sealed record ServerNameRouteSpec
{
    [Description("Host names, case-insensitive; *.example.com matches one label or more. 1 to 16.")]
    [Required, Items(1, 16), Pattern(Patterns.HostName, Patterns.HostNameMeaning)]
    public IReadOnlyList<string> ServerNames { get; set; } = [];

    [Description("Name of the backend, which speaks TLS itself.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Backend { get; set; } = "";
}
