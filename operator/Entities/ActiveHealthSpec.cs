using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Checks that each gateway makes of each endpoint, as HAProxy's check, inter, rise and fall.")]
[ValidationRule("self.type == 'TCP' || !has(self.send)", "send is only for type TCP", FieldPath = ".send")]
[ValidationRule("self.type == 'TCP' || !has(self.expect)", "expect is only for type TCP", FieldPath = ".expect")]
public sealed record ActiveHealthSpec
{
    [Description(
        "TCP: a connect, and what send and expect ask for. HTTP: a GET of path. HTTPS: the same over TLS; where the backend has tls, the certificate is verified as for connections, else any is taken, as kubelet's probes do."
    )]
    [AllowedValues("TCP", "HTTP", "HTTPS")]
    public string Type { get; set; } = "TCP";

    [Description("Time from one check to the next one.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) >= duration('100ms') && duration(self) <= duration('1h')", "must be 100ms to 1h")]
    public string Interval { get; set; } = "5s";

    [Description("Each interval is longer or shorter by up to this share, at random, so that gateways don't check in step.")]
    [RangeMinimum(0), RangeMaximum(50)]
    public int JitterPercent { get; set; } = 10;

    [Description("A check that takes longer has failed.")]
    [Length(2, Patterns.DurationLength), Pattern(Patterns.Duration, Patterns.DurationMeaning)]
    [ValidationRule("duration(self) > duration('0s') && duration(self) <= duration('10m')", "must be more than 0s and at most 10m")]
    public string Timeout { get; set; } = "2s";

    [Description("Passed checks in a row that bring an endpoint back.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int Rise { get; set; } = 2;

    [Description("Failed checks in a row that put an endpoint out.")]
    [RangeMinimum(1), RangeMaximum(100)]
    public int Fall { get; set; } = 3;

    [Description("Port to check. Left out: the endpoint's own. Required where only UDP listeners use the backend.")]
    [RangeMinimum(1), RangeMaximum(65535)]
    public int? Port { get; set; }

    [Description("Of HTTP and HTTPS: path and query.")]
    [Length(1, 1024), Pattern(Patterns.UrlTarget, Patterns.UrlTargetMeaning)]
    public string Path { get; set; } = "/";

    [Description("Of HTTP and HTTPS: the Host header, and the server name of TLS where tls has none. Left out: the endpoint's address.")]
    [Length(1, 253), Pattern(Patterns.HostOptionalPort, Patterns.HostOptionalPortMeaning)]
    public string? Host { get; set; }

    [Description("Of HTTP and HTTPS: statuses that pass, each such as 200 or 200-399. At most 16. Left out: 200-399.")]
    [Items(0, 16, MaxTextLength = 7), Pattern(Patterns.StatusRange, Patterns.StatusRangeMeaning)]
    public IReadOnlyList<string> ExpectedStatuses { get; set; } = [];

    [Description(@"Of TCP: what is sent once connected, with the escapes \r \n \t \0 \\ \xHH.")]
    [Length(1, 1024), Pattern(Patterns.Escaped, Patterns.EscapedMeaning)]
    public string? Send { get; set; }

    [Description("Of TCP: bytes that must come within the first 4096 of the answer, in the form of send.")]
    [Length(1, 1024), Pattern(Patterns.Escaped, Patterns.EscapedMeaning)]
    public string? Expect { get; set; }
}
