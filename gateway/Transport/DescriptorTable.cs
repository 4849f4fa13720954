using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>Something of some connections, by descriptor, in native memory: for what most connections do not have.</summary>
/// <remarks>
/// As <see cref="ChannelTable"/>: memory comes in chunks of 1,024 entries as descriptors need them and never moves; nothing is taken before
/// the first. Entries are the loop's that owns the descriptor; growing takes a lock.
/// </remarks>
/// <typeparam name="T">Without references; zeros mean nothing.</typeparam>
internal sealed unsafe class DescriptorTable<T> : IDisposable
    where T : unmanaged
{
    private const int ChunkBits = 10;
    private const int ChunkLength = 1 << ChunkBits;

    private readonly Lock _grow = new();
    private readonly int _maxChunks;
    private nint* _chunks;

    /// <param name="maxDescriptors">Descriptors that the process can have.</param>
    public DescriptorTable(long maxDescriptors)
    {
        _maxChunks = (int)((maxDescriptors + ChunkLength - 1) >> ChunkBits);
        // Untouched, so only addresses are taken.
        _chunks = (nint*)NativeMemory.AllocZeroed((nuint)_maxChunks, (nuint)sizeof(nint));
    }

    /// <summary>Bytes of the entries' chunks.</summary>
    public long Bytes { get; private set; }

    /// <summary>The entry of a descriptor that <see cref="Claim"/> was called for.</summary>
    public T* this[int descriptor] => (T*)_chunks[descriptor >> ChunkBits] + (descriptor & (ChunkLength - 1));

    /// <summary>The entry of any descriptor that the channel table holds; what it had before is still there.</summary>
    public T* Claim(int descriptor)
    {
        var chunk = descriptor >> ChunkBits;
        if (Volatile.Read(ref _chunks[chunk]) == 0)
        {
            Grow(chunk);
        }

        return this[descriptor];
    }

    public void Dispose()
    {
        for (var i = 0; i < _maxChunks && _chunks != null; i++)
        {
            NativeMemory.Free((void*)_chunks[i]);
        }

        NativeMemory.Free(_chunks);
        _chunks = null;
    }

    private void Grow(int chunk)
    {
        lock (_grow)
        {
            if (_chunks[chunk] == 0)
            {
                Volatile.Write(ref _chunks[chunk], (nint)NativeMemory.AllocZeroed(ChunkLength, (nuint)sizeof(T)));
                Bytes += ChunkLength * sizeof(T);
            }
        }
    }
}
