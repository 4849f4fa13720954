using System.Buffers;
using System.Numerics;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Pieces of messages that came in parts, by handle from 1 on. One per loop; not thread-safe.</summary>
internal sealed class MessageBuffers
{
    private const int FirstBytes = 256;

    private readonly List<Entry> _entries = [];
    private readonly Stack<int> _free = new();

    /// <summary>Buffers in use.</summary>
    public int Count => _entries.Count - _free.Count;

    /// <summary>Bytes they take.</summary>
    public long Bytes { get; private set; }

    public ReadOnlySpan<byte> this[int handle] => _entries[handle - 1].Data.AsSpan(0, _entries[handle - 1].Length);

    /// <summary>Bytes of a buffer; of handle 0: none.</summary>
    public int CapacityOf(int handle) => handle == 0 ? 0 : _entries[handle - 1].Data!.Length;

    /// <summary>Adds a piece; a handle of 0 takes a buffer.</summary>
    public void Append(ref int handle, ReadOnlySpan<byte> piece)
    {
        if (handle == 0)
        {
            if (!_free.TryPop(out handle))
            {
                _entries.Add(default);
                handle = _entries.Count;
            }
        }

        var entry = _entries[handle - 1];
        var length = entry.Length + piece.Length;
        if (entry.Data is null || entry.Data.Length < length)
        {
            // By what has come, never by what a header announces: who announces a megabyte and stops takes nothing.
            var wanted = Math.Max(FirstBytes, (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)length), Array.MaxLength));
            var grown = ArrayPool<byte>.Shared.Rent(wanted);
            Bytes += grown.Length - (entry.Data?.Length ?? 0);
            if (entry.Data is not null)
            {
                entry.Data.AsSpan(0, entry.Length).CopyTo(grown);
                ArrayPool<byte>.Shared.Return(entry.Data);
            }

            entry.Data = grown;
        }

        piece.CopyTo(entry.Data.AsSpan(entry.Length));
        entry.Length = length;
        _entries[handle - 1] = entry;
    }

    public void Release(ref int handle)
    {
        if (handle == 0)
        {
            return;
        }

        var data = _entries[handle - 1].Data!;
        Bytes -= data.Length;
        ArrayPool<byte>.Shared.Return(data);
        _entries[handle - 1] = default;
        _free.Push(handle);
        handle = 0;
    }

    private struct Entry
    {
        public byte[]? Data;
        public int Length;
    }
}
