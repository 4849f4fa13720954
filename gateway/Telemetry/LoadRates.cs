using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Telemetry;

/// <summary>Turns the totals of loads into rates over the last 10 to 20 s. Thread-safe.</summary>
/// <remarks>Asked at least every 10 s by the stream's reports; where it is asked less often, the time since then counts.</remarks>
internal sealed class LoadRates(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();

    // By name, of which a process sees a bounded number.
    private readonly Dictionary<string, Track> _listeners = [];
    private readonly Dictionary<string, Track> _backends = [];

    public IReadOnlyList<ListenerLoad> Of(IReadOnlyList<ListenerLoad> loads)
    {
        lock (_gate)
        {
            return
            [
                .. loads.Select(load =>
                    load with
                    {
                        Traffic = Rated(
                            _listeners,
                            load.Name,
                            load.Traffic,
                            load.AcceptedTotal,
                            load.ReceivedBytesTotal,
                            load.SentBytesTotal
                        ),
                    }
                ),
            ];
        }
    }

    public IReadOnlyList<BackendLoad> Of(IReadOnlyList<BackendLoad> loads)
    {
        lock (_gate)
        {
            return
            [
                .. loads.Select(load =>
                    load with
                    {
                        Traffic = Rated(
                            _backends,
                            load.Name,
                            load.Traffic,
                            load.Traffic.Connect.Counts.Sum(),
                            load.ReceivedBytesTotal,
                            load.SentBytesTotal
                        ),
                    }
                ),
            ];
        }
    }

    private TrafficLoad Rated(Dictionary<string, Track> tracks, string name, TrafficLoad load, long connections, long received, long sent)
    {
        var now = new Reading(time.GetTimestamp(), connections, received, sent);
        if (!tracks.TryGetValue(name, out var track))
        {
            // Totals start at 0 with the process.
            var start = new Reading(_started, 0, 0, 0);
            track = new Track(start, start);
        }

        if (time.GetElapsedTime(track.Newer.At, now.At) >= Window)
        {
            track = new Track(track.Newer, now);
        }

        tracks[name] = track;
        var seconds = time.GetElapsedTime(track.Older.At, now.At).TotalSeconds;
        return seconds <= 0
            ? load
            : load with
            {
                ConnectionsPerSecond = (connections - track.Older.Connections) / seconds,
                ReceivedBitsPerSecond = (received - track.Older.Received) * 8 / seconds,
                SentBitsPerSecond = (sent - track.Older.Sent) * 8 / seconds,
            };
    }

    private readonly record struct Reading(long At, long Connections, long Received, long Sent);

    private readonly record struct Track(Reading Older, Reading Newer);
}
