using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description(
    "Settings of a Tunnel listener. With portRange, clients open reverse tunnels here: those of bore (which know only port 7835, no TLS) and 'gateway tunnel'. "
        + "With visitorsOf, visitors come here who say by name which tunnel they want. Fleets of several gateways need a registry."
)]
[ValidationRule("has(self.portRange) != has(self.visitorsOf)", "exactly one of portRange and visitorsOf must be set")]
[ValidationRule("has(self.portRange) || !has(self.secretRef)", "is only with portRange", FieldPath = ".secretRef")]
[ValidationRule("has(self.portRange) || !has(self.tenants) || size(self.tenants) == 0", "is only with portRange", FieldPath = ".tenants")]
[ValidationRule("has(self.portRange) || !has(self.domain)", "is only with portRange", FieldPath = ".domain")]
[ValidationRule("has(self.portRange) || !self.udp", "is only with portRange", FieldPath = ".udp")]
public sealed record TunnelListenerSpec
{
    /// <summary>Ports of a range at most that the Service lists one by one.</summary>
    public const int MaxServicePorts = 100;

    [Description(
        "Public ports that tunnels get. No other listener's port may lie in it. In a cluster the Service lists them one by one where they are at most 100, for more exceed "
            + "what cloud load balancers take; with more, visitors come by name (visitorsOf), or to the pods' own addresses."
    )]
    public PortRangeSpec? PortRange { get; set; }

    [Description(
        "Name of another Tunnel listener, with portRange and domain: this one takes no tunnels but visitors of that one's tunnels, which it finds by the server "
            + "name of TLS (passed through) or the Host of HTTP."
    )]
    [Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string? VisitorsOf { get; set; }

    [Description("The secret that clients must prove to have. Left out, and without tenants: everybody may open tunnels.")]
    public SecretKeyReference? SecretRef { get; set; }

    [Description("Who may open tunnels with a token of their own, each within limits of its own. At most 64.")]
    [Items(0, 64), ListMapKey("name")]
    public IReadOnlyList<TunnelTenantSpec> Tenants { get; set; } = [];

    [Description(
        "DNS name under which tunnels may have names, such as tunnels.example.com, whose wildcard leads to the fleet. Left out: ports alone."
    )]
    [Length(1, 190), Pattern(Patterns.DnsSubdomain, Patterns.DnsSubdomainMeaning)]
    public string? Domain { get; set; }

    [Description("Whether 'gateway tunnel' may have UDP ports of the range too.")]
    public bool Udp { get; set; }

    [Description(
        "How long the ports of a client that was lost are kept for it, so that it gets them back on whichever gateway: 0s to 10m. Default 30s."
    )]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) <= duration('10m')", "must be at most 10m")]
    public string? Grace { get; set; }

    [Description("How long a visitor waits for the tunnel's client: 100ms to 1m. Default 10s.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('100ms') && duration(self) <= duration('1m')", "must be 100ms to 1m")]
    public string? VisitorTimeout { get; set; }
}

[Description("Ports from the first to the last.")]
[ValidationRule("self.start <= self.end", "must not be less than start", FieldPath = ".end")]
[ValidationRule("self.end < 9090 || self.start > 9090", "must not include 9090, the gateways' admin port", FieldPath = ".start")]
public sealed record PortRangeSpec
{
    [Description("The first port: 1024 to 65535.")]
    [Required, RangeMinimum(1024), RangeMaximum(65535)]
    public int Start { get; set; }

    [Description("The last port: 1024 to 65535, not less than start.")]
    [Required, RangeMinimum(1024), RangeMaximum(65535)]
    public int End { get; set; }
}

[Description("One who may open tunnels. The limits hold on each gateway by itself.")]
public sealed record TunnelTenantSpec
{
    [Description("Name of the tenant, unique in the listener: a DNS label.")]
    [Required, Length(1, 63), Pattern(Patterns.DnsLabel, Patterns.DnsLabelMeaning)]
    public string Name { get; set; } = "";

    [Description("The token that its clients prove to have, bore's too (--secret).")]
    [Required]
    public SecretKeyReference TokenRef { get; set; } = new();

    [Description("Tunnels at most at a time: 1 to 100000. Left out: only the gateway's limit.")]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int? MaxTunnels { get; set; }

    [Description("Visitors at most at a time, of all its tunnels together: 1 to 10000000. Left out: only the gateway's limit.")]
    [RangeMinimum(1), RangeMaximum(10_000_000)]
    public int? MaxConnections { get; set; }

    [Description(
        "Bandwidth of each of its tunnels in each direction: 8k to 1T. Never more than the gateway's maxTunnelBandwidthBitsPerSecond."
    )]
    [Quantity, ValidationRule(TunnelCapacitySpec.BitsRule, TunnelCapacitySpec.BitsMessage)]
    public IntOrString? BandwidthBitsPerSecond { get; set; }

    [Description("The part of the listener's range that it may use. Left out: all of it.")]
    public PortRangeSpec? PortRange { get; set; }
}

[Description("How many tunnels a gateway carries, and how much of each.")]
public sealed record TunnelCapacitySpec
{
    internal const string BitsRule =
        "type(self) == int ? (self >= 8000 && self <= 1000000000000) : "
        + "(quantity(self).compareTo(quantity('8k')) >= 0 && quantity(self).compareTo(quantity('1T')) <= 0)";

    internal const string BitsMessage = "must be 8k to 1T bits per second";

    [Description("Tunnels at most on one gateway: 1 to 100000. Default 100.")]
    [RangeMinimum(1), RangeMaximum(100_000)]
    public int? MaxTunnels { get; set; }

    [Description("Bandwidth of one tunnel in each direction: 8k to 1T, or 0: no limit. Default 100M.")]
    [Quantity, ValidationRule("string(self) == '0' || (" + BitsRule + ")", "must be 0, or 8k to 1T bits per second")]
    public IntOrString? MaxTunnelBandwidthBitsPerSecond { get; set; }

    [Description(
        "Bandwidth that the whole fleet is there for, 8k to 1T: tunnels are opened while less than this, less capacity.reservedPercent, is moved. Left out: no limit."
    )]
    [Quantity, ValidationRule(BitsRule, BitsMessage)]
    public IntOrString? TotalBandwidthBitsPerSecond { get; set; }
}
