// Hot path: per publication. See tests/benchmarks.
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Hub.Delivery;

/// <summary>The publications that a stripe of channels keeps, outside the collector's heap, in each channel's order and in that in which all of them came.</summary>
/// <remarks>
/// A publication lives until its channel has so many newer ones, which is long enough for the collector to move it to its oldest generation, and then ends there: with
/// clients that publish, that alone brought a collection of everything every second. Here it is one block of native memory from beginning to end.
/// Owned by the stripe's lock. What is in it is freed by <see cref="ChannelStream.Close"/>.
/// </remarks>
internal sealed unsafe class HistoryLog
{
    // By number; null: free.
    private readonly List<ChannelStream?> _streams = [];
    private readonly Stack<int> _free = new();
    private HistoryNode* _oldest;
    private HistoryNode* _newest;
    private long _oldestAt = long.MaxValue;

    /// <summary>When the oldest of all came, as its caller said; the far future where there is none. From any thread.</summary>
    public long OldestAt => Volatile.Read(ref _oldestAt);

    /// <summary>The stream whose publication is the oldest of all; null: there are none.</summary>
    public ChannelStream? Oldest => _oldest == null ? null : _streams[_oldest->Stream];

    /// <summary>A number for a stream.</summary>
    public int Enter(ChannelStream stream)
    {
        if (_free.TryPop(out var number))
        {
            _streams[number] = stream;
            return number;
        }

        _streams.Add(stream);
        return _streams.Count - 1;
    }

    /// <summary>A stream that has nothing left gives its number back.</summary>
    public void Leave(int number)
    {
        _streams[number] = null;
        _free.Push(number);
    }

    /// <summary>A copy of a payload, the newest of all.</summary>
    /// <param name="stream">Its number.</param>
    /// <param name="payload">Copied.</param>
    /// <param name="now">Compared between logs.</param>
    public HistoryNode* Add(int stream, ReadOnlySpan<byte> payload, long now)
    {
        var node = (HistoryNode*)NativeMemory.Alloc((nuint)(sizeof(HistoryNode) + payload.Length));
        *node = new HistoryNode
        {
            Older = _newest,
            Came = now,
            Stream = stream,
            Length = payload.Length,
        };
        payload.CopyTo(node->Payload);
        if (_newest == null)
        {
            _oldest = node;
            Volatile.Write(ref _oldestAt, now);
        }
        else
        {
            _newest->Newer = node;
        }

        _newest = node;
        return node;
    }

    /// <summary>Frees one.</summary>
    public void Remove(HistoryNode* node)
    {
        if (node->Older == null)
        {
            _oldest = node->Newer;
            Volatile.Write(ref _oldestAt, _oldest == null ? long.MaxValue : _oldest->Came);
        }
        else
        {
            node->Older->Newer = node->Newer;
        }

        if (node->Newer == null)
        {
            _newest = node->Older;
        }
        else
        {
            node->Newer->Older = node->Older;
        }

        NativeMemory.Free(node);
    }
}

/// <summary>One publication, with its payload right behind.</summary>
internal unsafe struct HistoryNode
{
    /// <summary>The one after it in its channel.</summary>
    public HistoryNode* Next;

    /// <summary>The one that came before it, in whatever channel.</summary>
    public HistoryNode* Older;

    /// <summary>And after.</summary>
    public HistoryNode* Newer;

    /// <summary>When.</summary>
    public long Came;

    /// <summary>Its stream's number.</summary>
    public int Stream;

    /// <summary>Of the payload, bytes.</summary>
    public int Length;

    /// <summary>Only of one that is where <see cref="HistoryLog.Add"/> has put it.</summary>
    public readonly Span<byte> Payload
    {
        get
        {
            fixed (HistoryNode* self = &this)
            {
                return new Span<byte>(self + 1, Length);
            }
        }
    }
}
