using System.Globalization;

namespace Mooring.Gateway.Limits.Overload;

/// <summary>How much memory there is and how much is used.</summary>
/// <param name="UsedBytes">What counts against the limit and cannot simply be dropped: page cache that nobody uses is left out.</param>
/// <param name="LimitBytes">0: none.</param>
internal readonly record struct MemoryReading(long UsedBytes, long LimitBytes);

/// <summary>Reads the memory of this process's cgroup, version 2 or 1, or the process's own against a configured limit.</summary>
/// <remarks>Kernel: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.</remarks>
/// <param name="root">Where cgroups are mounted: <c>/sys/fs/cgroup</c>.</param>
/// <param name="process">The process's folder: <c>/proc/self</c>.</param>
internal sealed class MemoryGauge(string root, string process)
{
    /// <summary>A v1 cgroup without a limit says nearly 2⁶³.</summary>
    private const long NoLimit = 1L << 60;

    /// <param name="configured">Bytes that this process may use; 0: what its cgroup says.</param>
    public MemoryReading Read(long configured)
    {
        if (configured > 0)
        {
            return new MemoryReading(Resident(), configured);
        }

        var (v2, v1) = Paths();
        if (v2 is not null && Number($"{v2}/memory.current") is { } current)
        {
            var used = current - Stat($"{v2}/memory.stat", "inactive_file");
            return new MemoryReading(used, Number($"{v2}/memory.max") ?? 0);
        }

        if (v1 is not null && Number($"{v1}/memory.usage_in_bytes") is { } usage)
        {
            var limit = Number($"{v1}/memory.limit_in_bytes") ?? 0;
            return new MemoryReading(usage - Stat($"{v1}/memory.stat", "total_inactive_file"), limit >= NoLimit ? 0 : limit);
        }

        return default;
    }

    /// <summary>Folders of the process's cgroups. In a container the mount's root is the container's own.</summary>
    private (string? V2, string? V1) Paths()
    {
        string? v2 = null;
        string? v1 = null;
        foreach (var line in Lines($"{process}/cgroup"))
        {
            var parts = line.Split(':', 3);
            if (parts.Length == 3 && parts[0] == "0" && parts[1].Length == 0)
            {
                v2 = First($"{root}{parts[2]}", root, "memory.current");
            }
            else if (parts.Length == 3 && parts[1].Split(',').Contains("memory", StringComparer.Ordinal))
            {
                v1 = First($"{root}/memory{parts[2]}", $"{root}/memory", "memory.usage_in_bytes");
            }
        }

        return (v2, v1);
    }

    private static string? First(string one, string other, string file) =>
        File.Exists($"{one}/{file}") ? one
        : File.Exists($"{other}/{file}") ? other
        : null;

    private long Resident()
    {
        foreach (var line in Lines($"{process}/status"))
        {
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
            {
                return Parse(line["VmRSS:".Length..].Replace("kB", "", StringComparison.Ordinal)) * 1024 ?? 0;
            }
        }

        return 0;
    }

    private static long Stat(string file, string name) =>
        Lines(file).Select(line => line.Split(' ')).FirstOrDefault(parts => parts.Length == 2 && parts[0] == name) is { } found
            ? Parse(found[1]) ?? 0
            : 0;

    /// <summary>Null for <c>max</c>, and for a file that is not there.</summary>
    private static long? Number(string file) => Lines(file) is [var line, ..] ? Parse(line) : null;

    private static long? Parse(string text) =>
        long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static IReadOnlyList<string> Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
