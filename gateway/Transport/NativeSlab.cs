using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>Cleared structs in native memory by handle, from 1 on, at places that never move. One per loop; not thread-safe.</summary>
internal sealed unsafe class NativeSlab<T> : IDisposable
    where T : unmanaged
{
    private const int ChunkLength = 1024;

    private readonly List<nint> _chunks = [];
    private readonly Stack<int> _free = new();
    private int _top;

    /// <summary>Handles in use.</summary>
    public int Count => _top - _free.Count;

    public T* this[int handle] => (T*)_chunks[(handle - 1) / ChunkLength] + ((handle - 1) % ChunkLength);

    public int Rent()
    {
        if (!_free.TryPop(out var handle))
        {
            handle = ++_top;
            if ((handle - 1) / ChunkLength == _chunks.Count)
            {
                _chunks.Add((nint)NativeMemory.Alloc(ChunkLength, (nuint)sizeof(T)));
            }
        }

        *this[handle] = default;
        return handle;
    }

    public void Return(int handle) => _free.Push(handle);

    public void Dispose()
    {
        foreach (var chunk in _chunks)
        {
            NativeMemory.Free((void*)chunk);
        }

        _chunks.Clear();
    }
}
