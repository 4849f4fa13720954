namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Gives back the memory that a burst of visitors leaves behind in the client's process.</summary>
/// <remarks>
/// The runtime makes its young generation as large as the processor's cache, often 20 MiB, and fills it before it looks; what brings a visitor
/// lives for a moment (some 4 KB). To look earlier takes milliseconds, in which nothing is carried: so it is done in a lull, and only after many.
/// </remarks>
internal static class Leftovers
{
    /// <summary>Visitors that leave enough behind.</summary>
    public const int Many = 512;

    /// <summary>Without a new visitor, it is a lull.</summary>
    public static readonly TimeSpan Lull = TimeSpan.FromMilliseconds(500);

    /// <summary>Looks, until it is cancelled.</summary>
    /// <param name="visitors">Visitors ever.</param>
    /// <param name="giveBack">Collects: <see cref="Collect"/>.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends it, without an exception.</param>
    public static async Task WatchAsync(Func<long> visitors, Action giveBack, TimeProvider time, CancellationToken cancellation)
    {
        var (seen, done) = (0L, 0L);
        while (true)
        {
            try
            {
                await Task.Delay(Lull, time, cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var now = visitors();
            if (now == seen && now - done >= Many)
            {
                giveBack();
                done = now;
            }

            seen = now;
        }
    }

    public static void Collect() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}
