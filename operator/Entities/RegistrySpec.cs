using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Where the gateways keep the state that makes them one fleet. Left out: each in its own memory, and limits of the whole fleet are divided evenly."
)]
public sealed record RegistrySpec
{
    [Description("The Redis that all gateways share. It is used, not installed.")]
    [Required]
    public RedisSpec Redis { get; set; } = new();

    [Description("A gateway that is not heard of for so long is gone: 5s to 1h.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('5s') && duration(self) <= duration('1h')", "must be 5s to 1h")]
    public string Ttl { get; set; } = "60s";
}

[Description("A Redis server with its replicas, Sentinels that know one, or a Redis Cluster. Version 6.2 or later.")]
[ValidationRule("!has(self.sentinel) || !self.cluster", "cluster and sentinel exclude each other", FieldPath = ".cluster")]
public sealed record RedisSpec
{
    [Description("host:port of the servers, of the Sentinels, or of some of the cluster's nodes; an IPv6 host in brackets. 1 to 16.")]
    [Required, Items(1, 16, MaxTextLength = 260), Pattern(Patterns.HostPort, Patterns.HostPortMeaning)]
    // isIP takes IPv4 too, and no IPv4 mapped into IPv6 (::ffff:10.0.0.1): with another group in the place of ffff the form is the same.
    [ValidationRule(
        "self.all(a, !a.startsWith('[') || (isIP(a.lowerAscii().replace('ffff', 'fffe').substring(1, a.lastIndexOf(']'))) "
            + "&& a.substring(1, a.lastIndexOf(']')).contains(':')))",
        "what is in brackets must be an IPv6 address"
    )]
    [ValidationRule("self.all(a, a.lastIndexOf(':') <= 253)", "each host must be at most 253 characters long")]
    public IReadOnlyList<string> Addresses { get; set; } = [];

    [Description("The addresses are Sentinels.")]
    public SentinelSpec? Sentinel { get; set; }

    [Description("The addresses are nodes of a Redis Cluster.")]
    public bool Cluster { get; set; }

    [Description("The password of the default user, for Sentinels that ask for one too. Users of an ACL are not supported.")]
    public SecretKeyReference? PasswordRef { get; set; }

    [Description("Speak TLS 1.2 or 1.3, with Sentinels too. An empty object: by the system's authorities and the address's host.")]
    public RedisTlsSpec? Tls { get; set; }
}

[Description("Sentinels that know which server is the master.")]
public sealed record SentinelSpec
{
    [Description("Name by which the Sentinels know the master.")]
    [Required, Length(1, 253), Pattern("^[!-~]+$", "printable ASCII characters without blanks")]
    public string MasterName { get; set; } = "";
}

[Description("How the servers' certificates are checked.")]
public sealed record RedisTlsSpec
{
    [Description("PEM certificates of the authorities that may have signed the servers'. Left out: the system's.")]
    public SecretKeyReference? CaRef { get; set; }

    [Description("Name in the servers' certificates. Left out: the address's host.")]
    [Length(1, 253), Pattern(Patterns.HostName, Patterns.HostNameMeaning)]
    public string? ServerName { get; set; }
}

[Description("One value of a Secret of the fleet's namespace. It is mounted into the gateways; the operator never reads it.")]
public sealed record SecretKeyReference
{
    [Description("Name of the Secret.")]
    [Required, Length(1, 253), Pattern(Patterns.DnsSubdomain, Patterns.DnsSubdomainMeaning)]
    public string Name { get; set; } = "";

    [Description("Which of its values.")]
    [Required, Length(1, 253), Pattern("^[-._a-zA-Z0-9]+$", "a key: letters, digits, '-', '_' and '.'")]
    public string Key { get; set; } = "";
}
