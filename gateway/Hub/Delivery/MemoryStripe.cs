namespace Mooring.Gateway.Hub.Delivery;

/// <summary>A share of the memory broker's channels under one lock.</summary>
internal sealed class MemoryStripe
{
    private const int FirstCompaction = 1024;

    // Publications in the order they came, whatever their channel: the oldest make room first.
    private readonly Queue<(MemoryChannel Channel, string Epoch, ulong Offset)> _order = new();
    private int _compactAt = FirstCompaction;

    public Lock Gate { get; } = new();

    public Dictionary<string, MemoryChannel> Channels { get; } = [];

    public MemoryChannel? Find(string channel) => Channels.GetValueOrDefault(channel);

    /// <summary>Adds a publication to a channel's stream; returns by how many bytes the stripe's history has grown.</summary>
    public long Add(MemoryChannel channel, ReadOnlyMemory<byte> payload, int size)
    {
        var stream = channel.Stream!;
        var bytes = stream.Bytes;
        stream.Add(payload, size);
        _order.Enqueue((channel, stream.Epoch, stream.Top));
        if (_order.Count > _compactAt)
        {
            // What its channel has dropped by itself stays in here until it comes to the front, or until now.
            Compact();
        }

        return stream.Bytes - bytes;
    }

    /// <summary>Drops the oldest publications until that many bytes are free or nothing is left; returns how many bytes were.</summary>
    public long Trim(long bytes)
    {
        long freed = 0;
        while (freed < bytes && _order.TryDequeue(out var oldest))
        {
            if (!IsHere(oldest))
            {
                continue;
            }

            var stream = oldest.Channel.Stream!;
            while (stream.Count > 0 && stream.First <= oldest.Offset)
            {
                freed += stream[0].Payload.Length;
                stream.DropFirst();
            }
        }

        return freed;
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

        if (freed > 0)
        {
            Compact();
        }

        return freed;
    }

    private void Compact()
    {
        // In its place: a new one would be an array of megabytes each time, which only a full collection takes away.
        for (var left = _order.Count; left > 0; left--)
        {
            var one = _order.Dequeue();
            if (IsHere(one))
            {
                _order.Enqueue(one);
            }
        }

        _compactAt = Math.Max(FirstCompaction, 2 * _order.Count);
    }

    private static bool IsHere((MemoryChannel Channel, string Epoch, ulong Offset) one) =>
        one.Channel.Stream is { } stream && stream.Epoch == one.Epoch && one.Offset >= stream.First && stream.Count > 0;
}
