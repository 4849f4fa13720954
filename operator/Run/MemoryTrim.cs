using System.Runtime.InteropServices;

namespace Mooring.Operator.Run;

/// <summary>Gives memory back once a lot of work is over: what it needed for a while would stay resident as long as there is nothing to do.</summary>
/// <remarks>
/// The collector looks at the oldest generation only as it fills, and an operator at rest fills nothing; nor does the C library give anything back by
/// itself of what the TLS of thousands of connections took while they were made. The program's own pages follow one look later (<see cref="ProgramPages"/>).
/// </remarks>
internal static partial class MemoryTrim
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);

    // In bytes: what is allocated by reports alone between two looks is less, and a thousand fleets that are made come to some ten times as much.
    private const long Rest = 8 << 20;
    private const long Work = 256 << 20;

    // Less is enough for the first time: a start runs through much that is not run again.
    private const long Start = 32 << 20;

    /// <summary>Looks each five seconds until cancelled.</summary>
    public static async Task RunAsync(TimeProvider time, CancellationToken stopping)
    {
        var (trimmed, before, isStart) = (0L, 0L, true);
        IReadOnlySet<ProgramPages.Range>? pages = null;
        while (!stopping.IsCancellationRequested)
        {
            await Task.Delay(Look, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (pages is not null)
            {
                ProgramPages.Release(pages);
                pages = null;
            }

            var now = GC.GetTotalAllocatedBytes();
            if (IsDue(before - trimmed, now - before, isStart))
            {
                Trim();
                pages = ProgramPages.Find();
                now = GC.GetTotalAllocatedBytes();
                // What follows may be the greater part of it, after a pause: the start does not count as the last time.
                trimmed = isStart ? 0 : now;
                isStart = false;
            }

            before = now;
        }
    }

    /// <summary>Whether there was much work since the last time, and none now. Pure.</summary>
    /// <param name="since">Bytes allocated since the last time, but for <paramref name="lately"/>.</param>
    /// <param name="lately">Bytes allocated since the last look.</param>
    /// <param name="isStart">There was no time before.</param>
    internal static bool IsDue(long since, long lately, bool isStart) => since >= (isStart ? Start : Work) && lately < Rest;

    private static void Trim()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library than glibc.
        }
    }

    // malloc_trim(3): free pages of all arenas go back to the system.
    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint keep);
}
