// Hot path: per publication. See tests/benchmarks.
namespace Mooring.Gateway.Hub.Delivery;

/// <summary>The publications of one channel in memory, newest last, kept in a log that several share. Not thread-safe.</summary>
/// <remarks>Whoever drops one calls <see cref="Close"/> before: its publications are native memory.</remarks>
internal sealed unsafe class ChannelStream
{
    private readonly HistoryLog _log;
    private readonly int _number;
    private HistoryNode* _first;
    private HistoryNode* _last;

    public ChannelStream(string epoch, HistoryLog log)
    {
        (Epoch, _log) = (epoch, log);
        _number = log.Enter(this);
    }

    public string Epoch { get; }

    /// <summary>Offset of the last publication there was, whether or not it is still here.</summary>
    public ulong Top { get; private set; }

    public int Count { get; private set; }

    /// <summary>Bytes of the payloads, and of what keeps each.</summary>
    public long Bytes { get; private set; }

    /// <summary>Milliseconds of the broker's clock at which the publications expire.</summary>
    public long Expires { get; set; }

    /// <summary>Likewise for epoch and top.</summary>
    public long MetaExpires { get; set; }

    public StreamPosition Position => new(Top, Epoch);

    /// <summary>Offset of the oldest that is here; one beyond <see cref="Top"/> when there is none.</summary>
    public ulong First => Top + 1 - (ulong)Count;

    /// <param name="payload">Copied.</param>
    /// <param name="size">Publications kept, this one included.</param>
    /// <param name="now">When, in the unit of all streams of a broker.</param>
    public void Add(ReadOnlySpan<byte> payload, int size, long now)
    {
        while (Count > 0 && Count >= size)
        {
            DropFirst();
        }

        var node = _log.Add(_number, payload, now);
        if (Count == 0)
        {
            _first = node;
        }
        else
        {
            _last->Next = node;
        }

        _last = node;
        Top++;
        Count++;
        Bytes += payload.Length + sizeof(HistoryNode);
    }

    /// <summary>Drops the oldest, of which there is one; returns its bytes.</summary>
    public int DropFirst()
    {
        var node = _first;
        var bytes = node->Length + sizeof(HistoryNode);
        _first = node->Next;
        _log.Remove(node);
        Bytes -= bytes;
        Count--;
        return bytes;
    }

    public void Clear()
    {
        while (Count > 0)
        {
            DropFirst();
        }
    }

    /// <summary>It is no more: frees all it has.</summary>
    public void Close()
    {
        Clear();
        _log.Leave(_number);
    }

    /// <summary>Copies, no more after <see cref="HistoryQuery.MaxBytes"/>.</summary>
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

        if (limit > 0 && limit < to - from)
        {
            (from, to) = reverse ? (to - limit, to) : (from, from + limit);
        }

        if (from >= to)
        {
            return [];
        }

        var node = _first;
        for (var i = 0; i < from; i++)
        {
            node = node->Next;
        }

        // In reverse the newest come first, so what is too much is where the list begins.
        for (var sum = reverse ? Sum(node, to - from) : 0; sum - node->Payload.Length >= HistoryQuery.MaxBytes; from++, node = node->Next)
        {
            sum -= node->Payload.Length;
        }

        var read = new List<StoredPublication>(to - from);
        var bytes = 0L;
        for (var i = from; i < to && (reverse || bytes < HistoryQuery.MaxBytes); i++, node = node->Next)
        {
            read.Add(new StoredPublication(First + (ulong)i, node->Payload.ToArray()));
            bytes += node->Payload.Length;
        }

        if (reverse)
        {
            read.Reverse();
        }

        return read;
    }

    private static long Sum(HistoryNode* node, int count)
    {
        var sum = 0L;
        for (var i = 0; i < count; i++, node = node->Next)
        {
            sum += node->Payload.Length;
        }

        return sum;
    }
}
