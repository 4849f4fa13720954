// Hot path: per frame. See tests/benchmarks.
using System.Buffers;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Frames that wait for one client, oldest first. Holds references: a frame for many is in memory once. Owned by its loop.</summary>
/// <remarks><c>default</c> is empty and holds nothing. Pure: the caller brings the time.</remarks>
internal struct OutboundQueue
{
    /// <summary>Frames of the first array of a queue: a reply and a few publications, which is what most turns have for a client.</summary>
    private const int Small = 4;

    /// <summary>Frames of the smallest array of the shared pool.</summary>
    private const int Pooled = 16;

    /// <summary>Small arrays that a thread keeps: about as many as clients that one turn answers. The shared pool keeps fewer.</summary>
    private const int MaxSpare = 512;

    /// <summary>Of a frame's first byte: set in the opcodes of control frames (RFC 6455, section 5.2).</summary>
    private const int ControlBit = 8;

    [ThreadStatic]
    private static QueuedFrame[][]? _spare;

    [ThreadStatic]
    private static int _spareCount;

    private QueuedFrame[]? _frames;
    private int _head;
    private int _offset; // bytes of the first frame that were taken

    public int Count { get; private set; }

    /// <summary>Publications among them.</summary>
    public int Publications { get; private set; }

    /// <summary>Bytes that wait.</summary>
    public long Bytes { get; private set; }

    /// <summary>Those of all frames but the first.</summary>
    public readonly long BytesBehindFirst => Count == 0 ? 0 : Bytes - (_frames![_head].Frame.Length - _offset);

    /// <summary>When the oldest was added, in the caller's unit. Only where there is one.</summary>
    public readonly uint OldestTick => _frames![_head].Tick;

    public void Add(byte[] frame, HubSubscription? source, uint tick)
    {
        if (_frames is null || Count == _frames.Length)
        {
            Grow();
        }

        _frames![(_head + Count) & (_frames.Length - 1)] = new QueuedFrame(frame, source, tick);
        Count++;
        Bytes += frame.Length;
        if (source is not null)
        {
            Publications++;
        }
    }

    /// <summary>Takes bytes off the front, as many as fit; returns how many.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="messages">Frames of which this took the last byte; pings, pongs and closes are none.</param>
    public int Take(Span<byte> destination, out int messages)
    {
        var taken = 0;
        messages = 0;
        while (Count > 0 && taken < destination.Length)
        {
            ref var first = ref _frames![_head];
            var part = first.Frame.AsSpan(_offset);
            if (part.Length > destination.Length - taken)
            {
                part = part[..(destination.Length - taken)];
                part.CopyTo(destination[taken..]);
                _offset += part.Length;
                taken += part.Length;
                break;
            }

            part.CopyTo(destination[taken..]);
            taken += part.Length;
            messages += (first.Frame[0] & ControlBit) == 0 ? 1 : 0;
            DropFirst();
        }

        Bytes -= taken;
        if (Count == 0)
        {
            Release();
        }

        return taken;
    }

    /// <summary>Drops the oldest publication whose subscription the caller gives up; returns that subscription, or null when there is none.</summary>
    /// <remarks>A frame of which a part was taken stays: the client has its beginning.</remarks>
    public HubSubscription? DropOldest(Func<HubSubscription, bool> mayDrop)
    {
        for (var i = _offset > 0 ? 1 : 0; i < Count; i++)
        {
            ref var frame = ref At(i);
            if (frame.Source is not { } source || !mayDrop(source))
            {
                continue;
            }

            Bytes -= frame.Frame.Length;
            Publications--;
            for (var j = i; j > 0; j--)
            {
                At(j) = At(j - 1);
            }

            if (i == 0)
            {
                _offset = 0;
            }

            _frames![_head] = default;
            _head = (_head + 1) & (_frames.Length - 1);
            Count--;
            return source;
        }

        return null;
    }

    /// <summary>Drops everything.</summary>
    public void Release()
    {
        if (_frames is not null)
        {
            Return(_frames);
            _frames = null;
        }

        (_head, _offset, Count, Publications, Bytes) = (0, 0, 0, 0, 0);
    }

    private readonly ref QueuedFrame At(int index) => ref _frames![(_head + index) & (_frames.Length - 1)];

    private void DropFirst()
    {
        if (_frames![_head].Source is not null)
        {
            Publications--;
        }

        _frames[_head] = default;
        _head = (_head + 1) & (_frames.Length - 1);
        _offset = 0;
        Count--;
    }

    private void Grow()
    {
        // Powers of two, as the pool gives them for 16 and more.
        var grown =
            Count == 0 ? RentSmall()
            : Count < Pooled ? ArrayPool<QueuedFrame>.Shared.Rent(Pooled)
            : ArrayPool<QueuedFrame>.Shared.Rent(Count * 2);
        for (var i = 0; i < Count; i++)
        {
            grown[i] = At(i);
        }

        if (_frames is not null)
        {
            Return(_frames);
        }

        (_frames, _head) = (grown, 0);
    }

    private static QueuedFrame[] RentSmall()
    {
        if (_spareCount == 0)
        {
            return new QueuedFrame[Small];
        }

        return _spare![--_spareCount];
    }

    private static void Return(QueuedFrame[] frames)
    {
        if (frames.Length > Small)
        {
            ArrayPool<QueuedFrame>.Shared.Return(frames, clearArray: true);
            return;
        }

        _spare ??= new QueuedFrame[MaxSpare][];
        if (_spareCount < MaxSpare)
        {
            Array.Clear(frames);
            _spare[_spareCount++] = frames;
        }
    }

    private readonly record struct QueuedFrame(byte[] Frame, HubSubscription? Source, uint Tick);
}
