using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>Bytes that a full socket did not take, until it does: the only time a connection has a buffer.</summary>
/// <remarks>
/// Handles start at 1, so that 0 in a channel means none. A buffer is of 4 KiB or of the loop's read size; a bounded number of free
/// ones is kept, and the rest goes back to the allocator, so that memory falls after a burst. One pool per loop; not thread-safe.
/// </remarks>
internal sealed unsafe class PendingPool : IDisposable
{
    private const int SmallBytes = 4096;
    private const int MaxFreeLarge = 32;
    private const int MaxFreeSmall = 256;

    private readonly int _largeBytes;
    private readonly Stack<nint> _freeSmall = new();
    private readonly Stack<nint> _freeLarge = new();
    private readonly Stack<int> _freeHandles = new();
    private Entry[] _entries = new Entry[64];
    private int _top = 1;

    /// <param name="largeBytes">Size of a large buffer: more than this is never pending at once.</param>
    public PendingPool(int largeBytes) => _largeBytes = largeBytes;

    /// <summary>Bytes of all buffers in use; other threads may see what it was a moment ago.</summary>
    public long BytesInUse { get; private set; }

    /// <summary>Copies <paramref name="length"/> bytes into a new buffer.</summary>
    public int Store(byte* data, int length)
    {
        var large = length > SmallBytes;
        var capacity = large ? Math.Max(_largeBytes, length) : SmallBytes;
        var free = large ? _freeLarge : _freeSmall;
        var buffer =
            capacity <= Math.Max(_largeBytes, SmallBytes) && free.TryPop(out var reused)
                ? (byte*)reused
                : (byte*)NativeMemory.Alloc((nuint)capacity);
        Buffer.MemoryCopy(data, buffer, capacity, length);
        if (!_freeHandles.TryPop(out var handle))
        {
            handle = _top++;
            if (handle == _entries.Length)
            {
                Array.Resize(ref _entries, handle * 2);
            }
        }

        _entries[handle] = new Entry
        {
            Data = (nint)buffer,
            Length = length,
            Capacity = capacity,
        };
        BytesInUse += capacity;
        return handle;
    }

    /// <summary>What is left of a buffer.</summary>
    public ReadOnlySpan<byte> Peek(int handle)
    {
        ref var entry = ref _entries[handle];
        return new ReadOnlySpan<byte>((byte*)entry.Data + entry.Start, entry.Length - entry.Start);
    }

    /// <summary>Memory of a buffer, bytes.</summary>
    public int CapacityOf(int handle) => _entries[handle].Capacity;

    /// <summary>Takes written bytes off the front; true, and the handle is gone, when nothing is left.</summary>
    public bool Consume(int handle, int count)
    {
        ref var entry = ref _entries[handle];
        entry.Start += count;
        if (entry.Start < entry.Length)
        {
            return false;
        }

        Release(handle);
        return true;
    }

    /// <summary>Adds bytes at the end; returns the handle to use from now on.</summary>
    public int Append(int handle, ReadOnlySpan<byte> more)
    {
        var left = Peek(handle);
        var joined = new byte[left.Length + more.Length];
        left.CopyTo(joined);
        more.CopyTo(joined.AsSpan(left.Length));
        Release(handle);
        fixed (byte* data = joined)
        {
            return Store(data, joined.Length);
        }
    }

    /// <summary>Drops a buffer with what is in it.</summary>
    public void Release(int handle)
    {
        ref var entry = ref _entries[handle];
        BytesInUse -= entry.Capacity;
        var small = entry.Capacity == SmallBytes;
        var free = small ? _freeSmall : _freeLarge;
        if ((small || entry.Capacity == _largeBytes) && free.Count < (small ? MaxFreeSmall : MaxFreeLarge))
        {
            free.Push(entry.Data);
        }
        else
        {
            NativeMemory.Free((void*)entry.Data);
        }

        entry = default;
        _freeHandles.Push(handle);
    }

    public void Dispose()
    {
        foreach (var entry in _entries)
        {
            NativeMemory.Free((void*)entry.Data);
        }

        while (_freeSmall.TryPop(out var small))
        {
            NativeMemory.Free((void*)small);
        }

        while (_freeLarge.TryPop(out var large))
        {
            NativeMemory.Free((void*)large);
        }

        _entries = [];
    }

    private struct Entry
    {
        public nint Data;
        public int Start;
        public int Length;
        public int Capacity;
    }
}
