using Mooring.Contracts.Tuning;
using Mooring.Operator.Entities;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>Kernel settings that go well together, by the name of <c>spec.nodeTuning.profile</c>.</summary>
internal static class TuningProfiles
{
    private static readonly Dictionary<string, string> HighConcurrency = new(StringComparer.Ordinal)
    {
        // A connection through a gateway costs two descriptors and one to two conntrack entries.
        ["fs.file-max"] = "2097152",
        ["fs.nr_open"] = "1048576",
        ["net.netfilter.nf_conntrack_max"] = "1048576",
        // Room for bursts, and for windows of 16 MiB where a link is long and fat; an idle socket uses none of it.
        ["net.core.netdev_max_backlog"] = "16384",
        ["net.core.rmem_max"] = "16777216",
        ["net.core.wmem_max"] = "16777216",
        ["net.ipv4.tcp_rmem"] = "4096 131072 16777216",
        ["net.ipv4.tcp_wmem"] = "4096 16384 16777216",
        ["net.ipv4.tcp_max_orphans"] = "262144",
        // BBR paces; fq does it with less CPU than the socket's own timers.
        ["net.core.default_qdisc"] = "fq",
        ["net.ipv4.tcp_congestion_control"] = "bbr",
        // One gateway address reaches one backend address by so many connections.
        ["net.ipv4.ip_local_port_range"] = "10240 65535",
        ["net.ipv4.tcp_fin_timeout"] = "15",
        // A peer that is gone without a word is found within two minutes.
        ["net.ipv4.tcp_keepalive_time"] = "60",
        ["net.ipv4.tcp_keepalive_intvl"] = "10",
        ["net.ipv4.tcp_keepalive_probes"] = "6",
        // Reconnect storms: the queues of connections that are not accepted yet.
        ["net.core.somaxconn"] = "65535",
        ["net.ipv4.tcp_max_syn_backlog"] = "65535",
        ["net.ipv4.tcp_max_tw_buckets"] = "262144",
        ["net.ipv4.tcp_tw_reuse"] = "1",
    };

    private static readonly string[] HighConcurrencyModules = ["sch_fq", "tcp_bbr"];

    /// <summary>What a spec wants of the kernel: its profile without what is excluded, and its own settings.</summary>
    public static (SortedDictionary<string, string> Sysctls, IReadOnlyList<string> Modules) Of(NodeTuningSpec spec)
    {
        var excluded = spec.Exclude.ToHashSet(StringComparer.Ordinal);
        var isProfile = spec.Profile == nameof(HighConcurrency);
        var sysctls = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in isProfile ? HighConcurrency : [])
        {
            if (!excluded.Contains(name))
            {
                sysctls[name] = value;
            }
        }

        foreach (var sysctl in spec.Sysctls)
        {
            sysctls[sysctl.Name] = SysctlValue.Normalize(sysctl.Value);
        }

        var modules = (isProfile ? HighConcurrencyModules.Where(module => !excluded.Contains(module)) : [])
            .Concat(spec.Modules)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToList();
        return (sysctls, modules);
    }
}
