using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Streams;

/// <summary>Reads what this node and process really allow.</summary>
internal static class NodeLimits
{
    // Those that bound connections; the names as sysctl(8) prints them.
    private static readonly string[] Keys =
    [
        "fs.file-max",
        "fs.nr_open",
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
        "net.netfilter.nf_conntrack_max",
    ];

    /// <summary>Reads the keys below <paramref name="sysctls"/>, which is <c>/proc/sys</c> but in tests; one that is absent or not readable is left out.</summary>
    public static GatewayLimits Read(string sysctls, long maxOpenFiles)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var key in Keys)
        {
            try
            {
                values[key] = string.Join(
                    ' ',
                    File.ReadAllText(Path.Combine(sysctls, key.Replace('.', '/')))
                        .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
                );
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Not every kernel, container and namespace has every key.
            }
        }

        return new GatewayLimits { MaxOpenFiles = maxOpenFiles, Sysctls = values };
    }
}
