// Hot path: every event. See tests/benchmarks.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.Transport;

/// <summary>The channels of a process, by descriptor.</summary>
/// <remarks>
/// Memory comes in chunks of 1,024 channels (64 KiB) as descriptors rise and never moves, so a pointer stays good. Descriptors are the
/// lowest free ones, so the table stays as dense as the process's own descriptor table. <see cref="this[int]"/> may be used by any
/// loop for the descriptors it owns; growing takes a lock.
/// </remarks>
internal sealed unsafe class ChannelTable : IDisposable
{
    private const int ChunkBits = 10;
    private const int ChunkLength = 1 << ChunkBits;

    private readonly Lock _grow = new();
    private readonly Channel** _chunks;
    private readonly int _maxChunks;

    /// <param name="maxDescriptors">Descriptors that the process can have.</param>
    public ChannelTable(long maxDescriptors)
    {
        _maxChunks = (int)((maxDescriptors + ChunkLength - 1) >> ChunkBits);
        _chunks = (Channel**)NativeMemory.AllocZeroed((nuint)_maxChunks, (nuint)sizeof(Channel*));
    }

    /// <summary>The channel of a descriptor that <see cref="Claim"/> was called for.</summary>
    public Channel* this[int descriptor]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _chunks[descriptor >> ChunkBits] + (descriptor & (ChunkLength - 1));
    }

    /// <summary>The table has a place for this descriptor: it may not, where the process's limit was raised from outside.</summary>
    public bool Holds(int descriptor) => descriptor >> ChunkBits < _maxChunks;

    /// <summary>Clears the channel of a new descriptor and returns it; null where the descriptor is beyond the table.</summary>
    public Channel* Claim(int descriptor, ChannelKind kind, ChannelPhase phase)
    {
        var chunk = descriptor >> ChunkBits;
        if (chunk >= _maxChunks)
        {
            return null;
        }

        if (Volatile.Read(ref *(nint*)&_chunks[chunk]) == 0)
        {
            Grow(chunk);
        }

        var channel = this[descriptor];
        *channel = default;
        channel->Peer = -1;
        channel->Kind = kind;
        channel->Phase = phase;
        return channel;
    }

    /// <summary>Descriptors of the clients that a loop owns. Slow, and only for that loop's thread.</summary>
    public List<int> ClientsOf(byte loop)
    {
        var found = new List<int>();
        for (var chunk = 0; chunk < _maxChunks; chunk++)
        {
            var channels = (Channel*)Volatile.Read(ref *(nint*)&_chunks[chunk]);
            for (var i = 0; channels != null && i < ChunkLength; i++)
            {
                // What other loops own may change while it is looked at, but never to this loop's.
                if (channels[i].Loop == loop && channels[i].Kind == ChannelKind.Client)
                {
                    found.Add((chunk << ChunkBits) + i);
                }
            }
        }

        return found;
    }

    public void Dispose()
    {
        for (var chunk = 0; chunk < _maxChunks; chunk++)
        {
            NativeMemory.AlignedFree(_chunks[chunk]);
            _chunks[chunk] = null;
        }

        NativeMemory.Free(_chunks);
    }

    private void Grow(int chunk)
    {
        lock (_grow)
        {
            if (_chunks[chunk] == null)
            {
                // Aligned, so that a channel is one cache line and two loops never share one.
                var bytes = (nuint)(ChunkLength * sizeof(Channel));
                var memory = (Channel*)NativeMemory.AlignedAlloc(bytes, 64);
                NativeMemory.Clear(memory, bytes);
                Volatile.Write(ref *(nint*)&_chunks[chunk], (nint)memory);
            }
        }
    }
}
