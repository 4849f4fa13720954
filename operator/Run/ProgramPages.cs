using System.Globalization;
using System.Runtime.InteropServices;

namespace Mooring.Operator.Run;

/// <summary>Lets go of pages of the program and its libraries: most of what a start and a lot of work ran through is not run at rest.</summary>
/// <remarks>
/// They stay in the kernel's cache, and what is run again is mapped again, some 16 pages a fault. The kernel would do the same, but not before memory is short.
/// Only what is mapped from a file, for reading or running alone, and holds no page of this process's own: nothing is lost, as the file has it all.
/// </remarks>
internal static partial class ProgramPages
{
    private const string Smaps = "/proc/self/smaps";

    // linux/mman.h: MADV_DONTNEED.
    private const int DontNeed = 4;

    /// <summary>What could be let go now. None where the kernel does not tell.</summary>
    public static IReadOnlySet<Range> Find()
    {
        try
        {
            return Parse(File.ReadLines(Smaps));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new HashSet<Range>();
        }
    }

    /// <summary>Lets go of what could be let go then and can be still: what a library that is just being loaded has mapped is not yet what it will be.</summary>
    /// <param name="then">Found some seconds ago.</param>
    public static void Release(IReadOnlySet<Range> then)
    {
        foreach (var range in Find())
        {
            if (then.Contains(range))
            {
                _ = Advise(range.Start, range.Length, DontNeed);
            }
        }
    }

    /// <summary>The ranges that hold clean pages of files alone, by the lines of smaps (proc_pid_smaps(5)). Pure.</summary>
    /// <remarks>A page of the process's own that was swapped out is no longer anonymous memory, and would be lost all the same.</remarks>
    internal static IReadOnlySet<Range> Parse(IEnumerable<string> lines)
    {
        var found = new HashSet<Range>();
        Range? current = null;
        var hasNoneInMemory = false;
        foreach (var line in lines)
        {
            if (line.AsSpan().IndexOf(':') is var colon && line.AsSpan().IndexOf(' ') is var space && (colon < 0 || space < colon))
            {
                (current, hasNoneInMemory) = (Head(line), false);
            }
            else if (line.StartsWith("Anonymous:", StringComparison.Ordinal))
            {
                hasNoneInMemory = IsZero(line.AsSpan("Anonymous:".Length));
            }
            else if (
                line.StartsWith("Swap:", StringComparison.Ordinal)
                && hasNoneInMemory
                && current is { } range
                && IsZero(line.AsSpan("Swap:".Length))
            )
            {
                // Both are told of each, this one later, so that none counts of which either is not.
                found.Add(range);
            }
        }

        return found;
    }

    private static bool IsZero(ReadOnlySpan<char> kilobytes) => kilobytes.Trim() is "0 kB";

    // 7f00a0000000-7f00a0010000 r-xp 00001000 fe:00 1234      /app/operator.r2r.dll
    private static Range? Head(ReadOnlySpan<char> line)
    {
        Span<System.Range> fields = stackalloc System.Range[6];
        if (
            line.Split(fields, ' ', StringSplitOptions.RemoveEmptyEntries) < 6
            || line[fields[1]] is not ("r-xp" or "r--p")
            || line[fields[4]] is "0"
            || !line[fields[5]].StartsWith("/")
        )
        {
            return null;
        }

        var addresses = line[fields[0]];
        var dash = addresses.IndexOf('-');
        return
            dash > 0
            && nuint.TryParse(addresses[..dash], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var start)
            && nuint.TryParse(addresses[(dash + 1)..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var end)
            && end > start
            ? new Range(start, end - start)
            : null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nuint start, nuint length, int advice);

    /// <param name="Start">Address.</param>
    /// <param name="Length">Bytes.</param>
    internal readonly record struct Range(nuint Start, nuint Length);
}
