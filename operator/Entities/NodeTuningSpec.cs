using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.Entities;

[Description("Kernel settings of the nodes and pods that the gateways run on.")]
public sealed record NodeTuningSpec
{
    [Description("Off: nothing, and what was written before is put back. Observe: compare and report. Apply: write what differs.")]
    [AllowedValues("Off", "Observe", "Apply")]
    public string Mode { get; set; } = "Observe";

    [Description("Settings to start from. HighConcurrency: many thousands of connections a pod. None: only those of sysctls and modules.")]
    [AllowedValues("HighConcurrency", "None")]
    public string Profile { get; set; } = "HighConcurrency";

    [Description("Settings besides the profile's, or instead of them. At most 64.")]
    [Items(0, 64), ListMapKey("name")]
    public IReadOnlyList<SysctlSpec> Sysctls { get; set; } = [];

    [Description("Kernel modules besides the profile's. At most 16.")]
    [Items(0, 16)]
    [Pattern("^(nf_conntrack|sch_fq|tcp_bbr)$", "one of nf_conntrack, sch_fq, tcp_bbr")]
    public IReadOnlyList<string> Modules { get; set; } = [];

    [Description("Settings and modules of the profile that are to be left alone. At most 64.")]
    [Items(0, 64)]
    public IReadOnlyList<string> Exclude { get; set; } = [];

    [Description(
        "Also set what the kubelet calls unsafe in the gateways' pods, once a trial pod has shown that the node lets it. The kubelet must allow it: --allowed-unsafe-sysctls."
    )]
    public bool AllowUnsafePodSysctls { get; set; }
}

[Description("A kernel setting.")]
public sealed record SysctlSpec
{
    [Description("Name, as sysctl prints it. Forwarding, rp_filter and bridge settings are not Mooring's to change.")]
    [Required]
    [AllowedValues(
        "fs.file-max",
        "fs.nr_open",
        "net.core.default_qdisc",
        "net.core.netdev_max_backlog",
        "net.core.rmem_max",
        "net.core.somaxconn",
        "net.core.wmem_max",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_max_orphans",
        "net.ipv4.tcp_max_syn_backlog",
        "net.ipv4.tcp_max_tw_buckets",
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_tw_reuse",
        "net.ipv4.tcp_wmem",
        "net.ipv4.udp_mem",
        "net.netfilter.nf_conntrack_max"
    )]
    public string Name { get; set; } = "";

    [Description("Value, several numbers with blanks between them. Where more is as good, a higher value of the node's is left as it is.")]
    [Required, Length(1, 1024)]
    public string Value { get; set; } = "";
}
