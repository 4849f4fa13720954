// Hot path: every datagram. See tests/benchmarks.
using System.Runtime.InteropServices;
using Mooring.Gateway.Transport;

namespace Mooring.Gateway.Datagrams;

/// <summary>Room to receive many datagrams in one call: for each a header, the peer's address, control messages and 64 KiB of data.</summary>
/// <remarks>Native; pages are taken only as datagrams reach them. Not thread-safe.</remarks>
internal sealed unsafe class MessageBatch : IDisposable
{
    /// <summary>The largest datagram is 65,507 bytes, and so is the largest bundle.</summary>
    public const int SlotBytes = 64 * 1024;

    // Not a power of two: the starts of all slots would share a few lines of the processor's caches.
    private const int Stride = SlotBytes + 320;
    private const int NameBytes = 32;

    private readonly byte* _names;
    private readonly byte* _controls;
    private readonly byte* _data;
    private readonly IoVector* _vectors;

    public MessageBatch(int count)
    {
        Count = count;
        Headers = (MessageHeader*)NativeMemory.AlignedAlloc((nuint)(count * sizeof(MessageHeader)), 64);
        _vectors = (IoVector*)NativeMemory.Alloc((nuint)count, (nuint)sizeof(IoVector));
        _names = (byte*)NativeMemory.AllocZeroed((nuint)count, NameBytes);
        _controls = (byte*)NativeMemory.AllocZeroed((nuint)count, ControlMessages.MaxBytes);
        _data = (byte*)NativeMemory.AlignedAlloc((nuint)count * Stride, 4096);
        for (var i = 0; i < count; i++)
        {
            _vectors[i] = new IoVector { Base = Data(i), Length = SlotBytes };
            Headers[i] = new MessageHeader { Vectors = _vectors + i, VectorCount = 1 };
            Reset(i, 1);
        }
    }

    public int Count { get; }

    public MessageHeader* Headers { get; }

    public byte* Data(int slot) => _data + ((nint)slot * Stride);

    public byte* Name(int slot) => _names + (slot * NameBytes);

    /// <summary>Receives into the slots from <paramref name="first"/> on; the number received, or -1.</summary>
    public int Receive(int socket, int first, int count) =>
        DatagramCalls.ReceiveMany(socket, Headers + first, (uint)count, MessageFlag.DontWait, null);

    /// <summary>Makes slots ready for the next receive: the kernel writes into their headers.</summary>
    public void Reset(int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            var header = Headers + i;
            header->Name = Name(i);
            header->NameLength = KernelAddress.MaxBytes;
            header->Control = _controls + (i * ControlMessages.MaxBytes);
            header->ControlLength = ControlMessages.MaxBytes;
            header->Flags = 0;
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Headers);
        NativeMemory.Free(_vectors);
        NativeMemory.Free(_names);
        NativeMemory.Free(_controls);
        NativeMemory.AlignedFree(_data);
    }
}
