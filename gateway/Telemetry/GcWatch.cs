using System.Runtime;

namespace Mooring.Gateway.Telemetry;

/// <summary>Remembers the longest pause of each generation's collections, since the start.</summary>
/// <remarks>
/// An object that nobody holds is finalized after each collection; it looks at the last one of each kind and makes its own successor. Of
/// collections in quick succession one of a kind may be missed, which the total of all pauses still has.
/// </remarks>
internal sealed class GcWatch
{
    private const int BallastBytes = 5 * 1024 * 1024;

    private static readonly GCKind[] Kinds = [GCKind.Ephemeral, GCKind.FullBlocking, GCKind.Background];
    private static readonly long[] Longest = new long[3];
    private static int _started;
    private static byte[]? _ballast;

    private GcWatch() { }

#pragma warning disable MA0055 // Being finalized is all that it is for.
    ~GcWatch()
    {
        Look();
        if (!Environment.HasShutdownStarted)
        {
            _ = new GcWatch();
        }
    }
#pragma warning restore MA0055

    /// <summary>Starts to watch; a second call does nothing.</summary>
    public static void Start()
    {
        if (Interlocked.Exchange(ref _started, 1) == 0)
        {
            _ = new GcWatch();
        }
    }

    /// <summary>Has collections of everything done beside the loops, from the first one on. To be called before there are connections.</summary>
    /// <remarks>
    /// Where the oldest generation and the large objects are below 4 MiB together the runtime does such a collection as a whole while all others stand still: hence an array
    /// of that size, which nobody writes to, so that it is no memory. And the first one starts the collector's thread: it is done here, where nobody waits for it.
    /// </remarks>
    public static void Prepare()
    {
        _ballast = GC.AllocateUninitializedArray<byte>(BallastBytes);
        GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
        GC.Collect(2, GCCollectionMode.Forced, blocking: false);
    }

    /// <summary>Longest pause that a collection of a generation (0 to 2) has made.</summary>
    public static TimeSpan LongestPause(int generation) => new(Volatile.Read(ref Longest[generation]));

    private static void Look()
    {
        foreach (var kind in Kinds)
        {
            var info = GC.GetGCMemoryInfo(kind);
            ref var longest = ref Longest[info.Generation];
            foreach (var pause in info.PauseDurations)
            {
                // Only the finalizer's thread writes.
                Volatile.Write(ref longest, Math.Max(longest, pause.Ticks));
            }
        }
    }
}
