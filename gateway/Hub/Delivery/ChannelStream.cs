namespace Mooring.Gateway.Hub.Delivery;

/// <summary>The publications of one channel in memory, newest last. Not thread-safe.</summary>
internal sealed class ChannelStream(string epoch)
{
    private StoredPublication[] _ring = [];
    private int _first;

    public string Epoch { get; } = epoch;

    /// <summary>Offset of the last publication there was, whether or not it is still here.</summary>
    public ulong Top { get; private set; }

    public int Count { get; private set; }

    /// <summary>Bytes of the payloads.</summary>
    public long Bytes { get; private set; }

    /// <summary>Milliseconds of the broker's clock at which the publications expire.</summary>
    public long Expires { get; set; }

    /// <summary>Likewise for epoch and top.</summary>
    public long MetaExpires { get; set; }

    public StreamPosition Position => new(Top, Epoch);

    /// <summary>Offset of the oldest that is here; one beyond <see cref="Top"/> when there is none.</summary>
    public ulong First => Top + 1 - (ulong)Count;

    /// <param name="size">Publications kept, this one included.</param>
    public void Add(ReadOnlyMemory<byte> payload, int size)
    {
        while (Count >= size)
        {
            DropFirst();
        }

        if (Count == _ring.Length)
        {
            var grown = new StoredPublication[Math.Min(Math.Max(4, Count * 2), Math.Max(size, Count + 1))];
            for (var i = 0; i < Count; i++)
            {
                grown[i] = this[i];
            }

            (_ring, _first) = (grown, 0);
        }

        _ring[(_first + Count) % _ring.Length] = new StoredPublication(++Top, payload);
        Count++;
        Bytes += payload.Length;
    }

    public StoredPublication this[int index] => _ring[(_first + index) % _ring.Length];

    public void DropFirst()
    {
        Bytes -= _ring[_first].Payload.Length;
        _ring[_first] = default;
        _first = (_first + 1) % _ring.Length;
        Count--;
    }

    public void Clear() => (_ring, _first, Count, Bytes) = ([], 0, 0, 0);

    public IReadOnlyList<StoredPublication> Read(StreamPosition? since, int limit, bool reverse)
    {
        if (limit == 0 || Count == 0)
        {
            return [];
        }

        // Indexes [from, to) of what is asked for, in the stream's order.
        var (from, to) = (0, Count);
        if (since is { } position && reverse)
        {
            to = position.Offset <= First ? 0 : (int)Math.Min(position.Offset - First, (ulong)Count);
        }
        else if (since is { } after)
        {
            from = after.Offset < First ? 0 : (int)Math.Min(after.Offset - First + 1, (ulong)Count);
        }

        var wanted = limit < 0 ? to - from : Math.Min(limit, to - from);
        var read = new StoredPublication[wanted];
        for (var i = 0; i < wanted; i++)
        {
            read[i] = reverse ? this[to - 1 - i] : this[from + i];
        }

        return read;
    }
}
