using System.Diagnostics;
using Mooring.Gateway.Listeners;

namespace Mooring.Gateway.Handover;

/// <summary>Hands the connections and UDP flows of this gateway over, in batches, as long as there are any that can be.</summary>
/// <remarks>
/// A batch is out of service from the moment its loop lets go of it to the other side's first look at it, a millisecond or so; between two
/// batches the loop serves everything else. For one task at a time.
/// </remarks>
internal sealed class HandoverGiver(GatewayEngine engine)
{
    private readonly (RelayLoop Loop, IDepartures Departures)[] _departures =
    [
        .. engine.Loops.SelectMany(loop =>
            new (RelayLoop, IDepartures)[] { (loop, new FlowDepartures(loop)), (loop, new Departures(loop)) }
        ),
    ];
    private long _given;

    /// <summary>Connections and flows handed over since the start.</summary>
    public long Given => Interlocked.Read(ref _given);

    /// <summary>Longest time that a batch was out of service, since the start.</summary>
    public TimeSpan LongestBatch { get; private set; }

    /// <summary>Goes through all connections once.</summary>
    /// <param name="links">Where to, in turn; one that breaks is taken out of the list.</param>
    /// <param name="cancel">Ends it after the batch under way.</param>
    /// <returns>Connections that left.</returns>
    public async Task<int> PassAsync(List<HandoverLink> links, CancellationToken cancel)
    {
        var left = 0;
        foreach (var (loop, departures) in _departures)
        {
            var candidates = new Queue<OpenConnection>(await loop.InvokeAsync(departures.List));
            for (var turn = 0; candidates.Count > 0 && links.Count > 0 && !cancel.IsCancellationRequested; turn++)
            {
                var since = Stopwatch.GetTimestamp();
                var batch = await loop.InvokeAsync(() => departures.Take(candidates));
                if (batch is null)
                {
                    continue;
                }

                var link = links[turn % links.Count];
                var refused = await link.GiveAsync(batch);
                await loop.InvokeAsync(() => Resolve(batch, refused));
                LongestBatch = TimeSpan.FromTicks(Math.Max(LongestBatch.Ticks, Stopwatch.GetElapsedTime(since).Ticks));
                left += refused is null ? 0 : batch.Count - refused.Count;
                if (refused is null)
                {
                    links.Remove(link);
                    link.Dispose();
                }
            }
        }

        Interlocked.Add(ref _given, left);
        return left;
    }

    private static bool Resolve(DepartureBatch batch, IReadOnlySet<int>? refused)
    {
        for (var i = 0; i < batch.Count; i++)
        {
            if (refused is null || refused.Contains(i))
            {
                batch.PutBack(i);
            }
            else
            {
                batch.Left(i);
            }
        }

        return true;
    }
}
