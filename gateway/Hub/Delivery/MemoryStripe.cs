namespace Mooring.Gateway.Hub.Delivery;

/// <summary>A share of the memory broker's channels under one lock.</summary>
internal sealed class MemoryStripe
{
    public Lock Gate { get; } = new();

    public Dictionary<string, MemoryChannel> Channels { get; } = [];

    /// <summary>Where the channels' streams are.</summary>
    public HistoryLog Log { get; } = new();

    public MemoryChannel? Find(string channel) => Channels.GetValueOrDefault(channel);

    /// <summary>Drops the oldest publication, whatever its channel; returns its bytes, or 0 where there is none.</summary>
    public long DropOldest() => Log.Oldest?.DropFirst() ?? 0;

    /// <summary>Drops what has expired, and channels with nothing left; returns how many bytes of history are free.</summary>
    public long Expire(long now)
    {
        long freed = 0;
        foreach (var (name, channel) in Channels)
        {
            freed += channel.Expire(now);
            if (channel.IsEmpty)
            {
                Channels.Remove(name);
            }
        }

        return freed;
    }
}
