using System.Globalization;
using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Million;

/// <summary>Whether this machine has room for the run: said before it begins, and watched while it goes on.</summary>
internal static class MillionRoom
{
    /// <summary>Less memory than this, and the run ends before the kernel ends something.</summary>
    private const long LeastAvailable = 1536L * 1024 * 1024;

    /// <summary>What a connection takes at most, both ends and the kernel's share of it.</summary>
    private const long BytesPerConnection = 13 * 1024;

    /// <summary>What a process takes before it has a connection.</summary>
    private const long BytesPerProcess = 40L * 1024 * 1024;

    /// <exception cref="BenchmarkException">It cannot end well.</exception>
    public static void Check(MillionOptions options)
    {
        var files = Number("/proc/sys/fs/file-max");
        if (files < (2L * options.Connections) + 100_000)
        {
            throw new BenchmarkException(
                $"fs.file-max is {files:N0}; both ends of {options.Connections:N0} connections need two files each"
            );
        }

        var tracked = Number("/proc/sys/net/netfilter/nf_conntrack_count");
        var trackable = Number("/proc/sys/net/netfilter/nf_conntrack_max");
        if (tracked > 0 && trackable < options.Connections + (options.Connections / 4))
        {
            throw new BenchmarkException(
                $"connections are tracked here (firewall rules ask for it), {trackable:N0} at most: raise net.netfilter.nf_conntrack_max, or run in a network namespace of its own, as the Makefile does"
            );
        }

        var wanted = (options.Connections * BytesPerConnection) + ((options.Gateways + options.ClientProcesses) * BytesPerProcess);
        if (Available() < wanted + LeastAvailable)
        {
            throw new BenchmarkException(
                $"{Available() >> 20:N0} MiB of memory are available; {(wanted + LeastAvailable) >> 20:N0} MiB may be needed"
            );
        }
    }

    /// <exception cref="BenchmarkException">Memory runs out.</exception>
    public static void CheckMemory()
    {
        if (Available() is < LeastAvailable and var left)
        {
            throw new BenchmarkException($"only {left >> 20:N0} MiB of memory are left: ended before the machine ends something");
        }
    }

    private static long Available() => MemoryMeter.Field(File.ReadLines("/proc/meminfo"), "MemAvailable:");

    /// <summary>0 where there is no such file.</summary>
    private static long Number(string path) =>
        File.Exists(path) ? long.Parse(File.ReadAllText(path).Trim(), CultureInfo.InvariantCulture) : 0;
}
