namespace Mooring.Gateway.Hub.Sessions;

/// <summary>What waits for the clients of one loop that have not taken all yet. Immutable.</summary>
/// <param name="Frames">Of all of them.</param>
/// <param name="Bytes">Likewise.</param>
/// <param name="Oldest">Age of the oldest, in milliseconds.</param>
internal sealed record QueueDepth(long Frames, long Bytes, long Oldest)
{
    public static readonly QueueDepth None = new(0, 0, 0);

    /// <summary>Of these sessions. For their loop's thread.</summary>
    public static QueueDepth Of(IReadOnlyList<HubSession> sessions, long now)
    {
        var (frames, bytes, oldest) = (0L, 0L, 0L);
        foreach (var session in sessions)
        {
            if (session.IsWaiting && session.Out.Count > 0)
            {
                frames += session.Out.Count;
                bytes += session.Out.Bytes;
                oldest = Math.Max(oldest, (uint)now - session.Out.OldestTick);
            }
        }

        return new QueueDepth(frames, bytes, oldest);
    }
}
