using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("How clients, and callers of the Hub's HTTP API, show who they are.")]
public sealed record AuthenticationSpec
{
    [Description("Tokens of Hub clients. Left out: there are none.")]
    public JwtSpec? Jwt { get; set; }

    [Description("Keys of the Hub's HTTP API, 16 to 256 printable characters each. None: the API is off. At most 16.")]
    [Items(0, 16)]
    public IReadOnlyList<SecretKeyReference> ApiKeys { get; set; } = [];
}

[Description("How JSON Web Tokens are checked: HS256/384/512, RS256/384/512, PS256/384/512, ES256/384/512 and EdDSA with Ed25519.")]
[ValidationRule(
    "has(self.hmacSecretRef) || has(self.publicKeysRef) || has(self.jwksUrl)",
    "one of hmacSecretRef, publicKeysRef and jwksUrl must be set"
)]
public sealed record JwtSpec
{
    [Description("Secret of the HS algorithms, 16 bytes or more. Left out: they are not taken.")]
    public SecretKeyReference? HmacSecretRef { get; set; }

    [Description("Public keys in PEM: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519. Left out: none.")]
    public SecretKeyReference? PublicKeysRef { get; set; }

    [Description(
        "http or https URL of a JSON Web Key Set. It is fetched again every 10m, and when a token names a key that is not in it. Left out: none."
    )]
    [Length(8, 2048), Pattern(Patterns.HttpUrl, Patterns.HttpUrlMeaning)]
    public string? JwksUrl { get; set; }

    [Description("The iss that tokens must have. Left out: any or none.")]
    [Length(1, 256)]
    public string? Issuer { get; set; }

    [Description("What the aud of tokens must contain. Left out: it is not looked at.")]
    [Length(1, 256)]
    public string? Audience { get; set; }

    [Description("How far clocks may differ, 0s to 5m.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('5m')", "must be at most 5m")]
    public string Leeway { get; set; } = "10s";
}
