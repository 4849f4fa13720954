namespace Mooring.Gateway.Hub.Delivery;

/// <summary>A share of the memory broker's channels under one lock.</summary>
internal sealed class MemoryStripe
{
    /// <summary>Of the idle channels, the part that goes at a time, so that one look is for many new ones.</summary>
    private const int IdlePart = 16;

    /// <summary>After a look that found none, no other for so long, in milliseconds.</summary>
    private const long LookInterval = 1000;

    private long _nextLook = long.MinValue;

    public Lock Gate { get; } = new();

    public Dictionary<string, MemoryChannel> Channels { get; } = [];

    /// <summary>Where the channels' streams are.</summary>
    public HistoryLog Log { get; } = new();

    public MemoryChannel? Find(string channel) => Channels.GetValueOrDefault(channel);

    /// <summary>Drops the oldest publication, whatever its channel; returns its bytes, or 0 where there is none.</summary>
    public long DropOldest() => Log.Oldest?.DropFirst() ?? 0;

    /// <summary>Drops channels that have an offset and an epoch but nothing else, those first whose time ends first; returns how many.</summary>
    /// <remarks>Who comes back to one is told that he has to begin anew.</remarks>
    public int DropIdle(long now)
    {
        if (now < _nextLook)
        {
            return 0;
        }

        var idle = new List<(long Expires, string Name)>();
        foreach (var (name, channel) in Channels)
        {
            if (channel.IsIdle)
            {
                idle.Add((channel.Stream?.MetaExpires ?? 0, name));
            }
        }

        if (idle.Count == 0)
        {
            _nextLook = now + LookInterval;
            return 0;
        }

        idle.Sort(static (one, other) => one.Expires.CompareTo(other.Expires));
        var count = 1 + ((idle.Count - 1) / IdlePart);
        foreach (var (_, name) in idle.Take(count))
        {
            Channels.Remove(name, out var channel);
            channel!.Stream?.Close();
        }

        return count;
    }

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
