using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Certificate revocation lists in a Secret of the fleet's namespace.")]
public sealed record CrlReference
{
    [Description("Name of the Secret.")]
    [Required, Length(1, 253), Pattern(Patterns.SecretName, Patterns.SecretNameMeaning)]
    public string Name { get; set; } = "";

    [Description("Key in the Secret, whose value is PEM.")]
    [Length(1, 253), Pattern(Patterns.SecretKey, Patterns.SecretKeyMeaning)]
    public string Key { get; set; } = "ca.crl";
}
