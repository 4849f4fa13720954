using System.Diagnostics.CodeAnalysis;

namespace Mooring.Contracts.Tuning;

/// <summary>Every kernel setting that Mooring sets or reports, and no others: forwarding, rp_filter and bridge keys, on which the cluster's network depends, are not in it.</summary>
/// <remarks>
/// Scopes as found on kernel 6.18: a setting that a pod's network namespace does not inherit is of no use on the host. The safe set is that of
/// Kubernetes' <c>pkg/kubelet/sysctl/safe_sysctls.go</c> (1.33 and later), each with the kernel from which it is namespaced.
/// </remarks>
public static class SysctlTable
{
    private const string Sysctl = "kernel Documentation/admin-guide/sysctl";
    private const string Ip = "kernel Documentation/networking/ip-sysctl.rst";
    private const string Safe = "kubelet pkg/kubelet/sysctl/safe_sysctls.go";

    private static readonly (long, long) Int = (0, int.MaxValue);

    // Kept as jiffies in an int: at 1000 of them a second, the most that a kernel is built with.
    private static readonly (long, long) Seconds = (0, int.MaxValue / 1000);

    private static readonly Dictionary<string, SysctlDefinition> ByName = new SysctlDefinition[]
    {
        Host("fs.file-max", $"{Sysctl}/fs.rst: file handles of the whole host"),
        Host("fs.nr_open", $"{Sysctl}/fs.rst: the ceiling of RLIMIT_NOFILE"),
        Host("net.core.netdev_max_backlog", $"{Sysctl}/net.rst: only the initial namespace shows it writable"),
        Host("net.core.rmem_max", $"{Sysctl}/net.rst; net/core/sysctl_net_core.c: read-only outside the initial namespace"),
        Host("net.core.wmem_max", $"{Sysctl}/net.rst; net/core/sysctl_net_core.c: read-only outside the initial namespace"),
        Host("net.core.default_qdisc", $"{Sysctl}/net.rst: qdisc of devices made later", SysctlComparison.Exact, numbers: 0),
        Host("net.ipv4.tcp_max_orphans", $"{Ip}: one count for the host"),
        Host("net.ipv4.tcp_mem", $"{Ip}: pages, one account for the host", numbers: 3),
        Host("net.ipv4.udp_mem", $"{Ip}: pages, one account for the host", numbers: 3),
        Host(
            "net.netfilter.nf_conntrack_max",
            "kernel Documentation/networking/nf_conntrack-sysctl.rst: writable in the initial namespace alone"
        ),
        Inherited("net.ipv4.tcp_congestion_control", null, 0, $"{Ip}; net/ipv4/tcp_ipv4.c tcp_sk_init: copied from the initial namespace"),
        Inherited("net.ipv4.tcp_rmem", new Version(4, 15), 3, $"{Ip}; tcp_sk_init copies it; {Safe}") with
        {
            Bounds = (1, int.MaxValue),
        },
        Inherited("net.ipv4.tcp_wmem", new Version(4, 15), 3, $"{Ip}; tcp_sk_init copies it; {Safe}") with
        {
            Bounds = (1, int.MaxValue),
        },
        Pod("net.ipv4.ip_local_port_range", new Version(3, 16), SysctlComparison.Exact, 2, Safe) with
        {
            Bounds = (1, 65535),
        },
        Pod("net.ipv4.ip_local_reserved_ports", new Version(3, 16), SysctlComparison.Exact, 0, Safe) with
        {
            IsPortList = true,
        },
        Pod("net.ipv4.ip_unprivileged_port_start", new Version(4, 11), SysctlComparison.Exact, 1, Safe) with
        {
            Bounds = (0, 65535),
        },
        Pod("net.ipv4.tcp_fin_timeout", new Version(4, 6), SysctlComparison.Exact, 1, Safe) with
        {
            Bounds = Seconds,
        },
        Pod("net.ipv4.tcp_keepalive_intvl", new Version(4, 5), SysctlComparison.Exact, 1, Safe) with
        {
            Bounds = Seconds,
        },
        Pod("net.ipv4.tcp_keepalive_probes", new Version(4, 5), SysctlComparison.Exact, 1, Safe) with
        {
            Bounds = (0, byte.MaxValue),
        },
        Pod("net.ipv4.tcp_keepalive_time", new Version(4, 5), SysctlComparison.Exact, 1, Safe) with
        {
            Bounds = Seconds,
        },
        Pod(
            "net.core.somaxconn",
            null,
            SysctlComparison.AtLeast,
            1,
            $"{Sysctl}/net.rst; net/core/net_namespace.c: 4096 in each new namespace"
        ) with
        {
            Bounds = Int,
        },
        Pod("net.ipv4.tcp_max_syn_backlog", null, SysctlComparison.AtLeast, 1, $"{Ip}; tcp_sk_init: by memory, in each new namespace") with
        {
            Bounds = Int,
        },
        Pod("net.ipv4.tcp_max_tw_buckets", null, SysctlComparison.AtLeast, 1, $"{Ip}; tcp_sk_init") with
        {
            Bounds = Int,
        },
        Pod("net.ipv4.tcp_tw_reuse", null, SysctlComparison.Exact, 1, $"{Ip}; tcp_sk_init: 2, loopback only, in each new namespace") with
        {
            Bounds = (0, 2),
        },
    }.ToDictionary(row => row.Name, StringComparer.Ordinal);

    /// <summary>Every row, in the order of the names.</summary>
    public static IReadOnlyList<SysctlDefinition> All { get; } = [.. ByName.Values.OrderBy(row => row.Name, StringComparer.Ordinal)];

    /// <summary>Kernel modules that the tuner may load.</summary>
    public static IReadOnlyList<string> Modules { get; } = ["nf_conntrack", "sch_fq", "tcp_bbr"];

    public static bool TryFind(string name, [NotNullWhen(true)] out SysctlDefinition? definition) =>
        ByName.TryGetValue(name, out definition);

    private static SysctlDefinition Host(
        string name,
        string source,
        SysctlComparison comparison = SysctlComparison.AtLeast,
        int numbers = 1
    ) => new(name, SysctlScope.Host, comparison, numbers, null, source);

    private static SysctlDefinition Inherited(string name, Version? safeSince, int numbers, string source) =>
        new(name, SysctlScope.Inherited, SysctlComparison.Exact, numbers, safeSince, source);

    private static SysctlDefinition Pod(string name, Version? safeSince, SysctlComparison comparison, int numbers, string source) =>
        new(name, SysctlScope.Pod, comparison, numbers, safeSince, source);
}
