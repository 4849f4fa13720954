using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("What is seen of a fleet from outside.")]
public sealed record ObservabilitySpec
{
    [Description("Traffic by the clients' countries. Left out: not counted.")]
    public GeoIpSpec? Geoip { get; set; }

    [Description(
        "Where the gateways send their metrics by OTLP, every 15 s: an http or https URL such as http://collector:4318. Port 4317: gRPC; any other: HTTP with protobuf, to /v1/metrics below it. Left out: nowhere."
    )]
    [Length(8, 512), Pattern(Patterns.CollectorUrl, Patterns.CollectorUrlMeaning)]
    public string? OtlpEndpoint { get; set; }

    [Description(
        "The gateways' metrics by a Service and a ServiceMonitor of the Prometheus operator. Where the cluster has no such kind, it is made once there is one. Left out: neither."
    )]
    public FleetServiceMonitorSpec? ServiceMonitor { get; set; }
}

[Description("A country or city database in MaxMind's format (MMDB); exactly one of databasePath and configMapRef says where it is.")]
[ValidationRule("has(self.databasePath) != has(self.configMapRef)", "exactly one of databasePath and configMapRef must be set")]
public sealed record GeoIpSpec
{
    [Description(
        "Absolute path of the file where the gateways run: in their image, or on the machine in host mode. It is opened anew when it changes."
    )]
    [Length(2, 1024), Pattern("^/[^\\x00]*$", "an absolute path")]
    public string? DatabasePath { get; set; }

    [Description("A ConfigMap of the fleet's namespace that holds the file, for databases of up to 1 MiB.")]
    public GeoIpConfigMapReference? ConfigMapRef { get; set; }
}

[Description("A file in a ConfigMap.")]
public sealed record GeoIpConfigMapReference
{
    [Description("Name of the ConfigMap.")]
    [Required, Length(1, 253), Pattern(Patterns.DnsSubdomain, Patterns.DnsSubdomainMeaning)]
    public string Name { get; set; } = "";

    [Description("Key of the file.")]
    [Required, Length(1, 253), Pattern("^[-._a-zA-Z0-9]+$", "a key: letters, digits, '-', '.' and '_'")]
    public string Key { get; set; } = "";
}
