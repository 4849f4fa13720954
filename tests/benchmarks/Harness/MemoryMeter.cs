using System.Globalization;

namespace Mooring.Benchmarks.Harness;

/// <summary>Reads memory from /proc.</summary>
internal static class MemoryMeter
{
    /// <summary>User memory of processes in bytes: their share of anonymous and shared-memory pages, without mapped files.</summary>
    public static long UserBytes(ReadOnlySpan<int> processes)
    {
        long sum = 0;
        foreach (var process in processes)
        {
            var rollup = File.ReadAllLines($"/proc/{process}/smaps_rollup");
            sum += Field(rollup, "Pss_Anon:") + Field(rollup, "Pss_Shmem:");
        }

        return sum;
    }

    /// <summary>Resident set of processes in bytes, files included.</summary>
    public static long ResidentBytes(ReadOnlySpan<int> processes)
    {
        long sum = 0;
        foreach (var process in processes)
        {
            sum += Field(File.ReadAllLines($"/proc/{process}/smaps_rollup"), "Rss:");
        }

        return sum;
    }

    /// <summary>The kernel's slab memory of the whole machine in bytes. Sockets live there, and pass as reclaimable elsewhere.</summary>
    public static long SlabBytes() => Field(File.ReadAllLines("/proc/meminfo"), "Slab:");

    /// <summary>Memory of all TCP buffers of this network namespace in bytes.</summary>
    public static long SocketBufferBytes() => SocketBufferBytes(File.ReadLines("/proc/self/net/sockstat"));

    /// <summary>"TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1", mem in pages.</summary>
    internal static long SocketBufferBytes(IEnumerable<string> lines)
    {
        var fields =
            lines.FirstOrDefault(line => line.StartsWith("TCP:", StringComparison.Ordinal))?.Split(' ')
            ?? throw new InvalidDataException("no TCP: in the file");
        return long.Parse(fields[Array.IndexOf(fields, "mem") + 1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
    }

    /// <summary>Value of the line that starts with <paramref name="name"/>, in bytes; the file has "kB".</summary>
    internal static long Field(IEnumerable<string> lines, string name)
    {
        var line =
            lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?? throw new InvalidDataException($"no {name} in the file");
        return long.Parse(line.AsSpan(name.Length).Trim().ToString().Split(' ')[0], CultureInfo.InvariantCulture) * 1024;
    }
}
