namespace Mooring.Gateway.Telemetry;

/// <summary>What this process uses.</summary>
/// <param name="CpuSeconds">User and system time since the start.</param>
/// <param name="ResidentBytes">Resident set size.</param>
/// <param name="OpenDescriptors">Open file descriptors.</param>
/// <param name="MaxDescriptors">RLIMIT_NOFILE, soft.</param>
/// <param name="StartTime">When the process started.</param>
/// <param name="GcHeapBytes">Managed heap after the last collection.</param>
/// <param name="GcPauseSeconds">Time that collections stopped the process, since the start.</param>
/// <param name="GcCollections">Collections of generation 0, 1 and 2, since the start; each also counts in those below.</param>
/// <param name="GcLongestPauseSeconds">Longest pause of a collection of generation 0, 1 and 2, since the start.</param>
internal sealed record ProcessUsage(
    double CpuSeconds,
    long ResidentBytes,
    int OpenDescriptors,
    long MaxDescriptors,
    DateTimeOffset StartTime,
    long GcHeapBytes,
    double GcPauseSeconds,
    IReadOnlyList<long> GcCollections,
    IReadOnlyList<double> GcLongestPauseSeconds
)
{
    /// <summary>Reads it now.</summary>
    /// <param name="maxDescriptors">As the member.</param>
    /// <param name="startTime">As the member.</param>
    public static ProcessUsage Read(long maxDescriptors, DateTimeOffset startTime) =>
        new(
            Environment.CpuUsage.TotalTime.TotalSeconds,
            Environment.WorkingSet,
            CountDescriptors(maxDescriptors),
            maxDescriptors,
            startTime,
            GC.GetGCMemoryInfo().HeapSizeBytes,
            GC.GetTotalPauseDuration().TotalSeconds,
            [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)],
            [.. Enumerable.Range(0, 3).Select(generation => GcWatch.LongestPause(generation).TotalSeconds)]
        );

    private static int CountDescriptors(long max)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
        }
        catch (IOException)
        {
            // To count them takes one.
            return (int)Math.Min(max, int.MaxValue);
        }
    }
}
