using System.Globalization;
using Mooring.Gateway.Limits.Overload;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Limits;

/// <summary>What the process, its cgroup and its network namespace allow. Read once, when the gateway starts.</summary>
/// <param name="FileConnections">Proxied connections that the descriptors allow.</param>
/// <param name="MemoryBytes">The cgroup's limit, else what the node had available; 0: not known.</param>
/// <param name="PortsPerDestination">Local ports for connections to one address and port; 0: not known.</param>
/// <param name="Cores">Processors that the process may use.</param>
internal sealed record NodeAllowance(int FileConnections, long MemoryBytes, int PortsPerDestination, int Cores)
{
    /// <summary>Reads below <paramref name="proc"/>, which is <c>/proc</c> but in tests; what cannot be read is not known.</summary>
    public static NodeAllowance Read(string proc, long openFiles, Func<long, MemoryReading> memory)
    {
        var limit = memory(0).LimitBytes;
        return new NodeAllowance(
            ProcessLimits.ConnectionsFor(openFiles),
            limit > 0 ? limit : Available(proc),
            Ports(Text($"{proc}/sys/net/ipv4/ip_local_port_range"), Text($"{proc}/sys/net/ipv4/ip_local_reserved_ports")),
            Environment.ProcessorCount
        );
    }

    /// <summary>Ports of the range that are not reserved. Kernel: Documentation/networking/ip-sysctl.rst.</summary>
    /// <param name="range">Such as <c>32768 60999</c>.</param>
    /// <param name="reserved">Such as <c>8080,9148,30000-32767</c>; empty: none.</param>
    internal static int Ports(string range, string reserved)
    {
        var ends = range.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (ends.Length != 2 || !TryPort(ends[0], out var first) || !TryPort(ends[1], out var last) || first > last)
        {
            return 0;
        }

        var count = last - first + 1;
        foreach (var part in reserved.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var bounds = part.Split('-');
            if (TryPort(bounds[0], out var from) && TryPort(bounds[^1], out var to))
            {
                count -= Math.Max(0, Math.Min(to, last) - Math.Max(from, first) + 1);
            }
        }

        return Math.Max(0, count);
    }

    /// <summary>Connections that the node tracks at most (<c>nf_conntrack_max</c>), read anew: node tuning may raise it. 0: none is tracked.</summary>
    public static long Trackable(string proc) =>
        long.TryParse(Text($"{proc}/sys/net/netfilter/nf_conntrack_max"), NumberStyles.None, CultureInfo.InvariantCulture, out var most)
            ? most
            : 0;

    private static long Available(string proc)
    {
        const string Name = "MemAvailable:";
        var line = Text($"{proc}/meminfo").Split('\n').FirstOrDefault(line => line.StartsWith(Name, StringComparison.Ordinal));
        var number = line?[Name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim();
        return long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var kilobytes) ? kilobytes * 1024 : 0;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= ushort.MaxValue;

    private static string Text(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
