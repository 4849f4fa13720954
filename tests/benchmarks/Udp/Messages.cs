using System.Runtime.InteropServices;

namespace Mooring.Benchmarks.Udp;

/// <summary>Room for messages of 64 KiB that are received, and may be sent on as they are.</summary>
internal sealed unsafe class Messages
{
    private const int SlotBytes = 64 * 1024;
    private readonly byte* _names;
    private readonly byte* _controls;
    private readonly IoVector* _vectors;

    public Messages(int count)
    {
        Count = count;
        Headers = (MessageHeader*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(MessageHeader));
        _vectors = (IoVector*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(IoVector));
        _names = (byte*)NativeMemory.AllocZeroed((nuint)count, 16);
        _controls = (byte*)NativeMemory.AllocZeroed((nuint)count, 64);
        var data = (byte*)NativeMemory.Alloc((nuint)count, SlotBytes + 320);
        for (var i = 0; i < count; i++)
        {
            _vectors[i].Base = data + ((nint)i * (SlotBytes + 320));
            Headers[i].Vectors = _vectors + i;
            Headers[i].VectorCount = 1;
        }
    }

    public int Count { get; }

    public MessageHeader* Headers { get; }

    public ReadOnlySpan<byte> Data(int slot) => new(_vectors[slot].Base, (int)Headers[slot].Length);

    public int Receive(int socket, bool names)
    {
        for (var i = 0; i < Count; i++)
        {
            var header = Headers + i;
            _vectors[i].Length = SlotBytes;
            header->Name = names ? _names + (i * 16) : null;
            header->NameLength = names ? 16u : 0;
            header->Control = _controls + (i * 64);
            header->ControlLength = 64;
            header->Flags = 0;
        }

        return UdpNative.ReceiveMany(socket, Headers, (uint)Count, UdpNative.DontWait, null);
    }

    /// <summary>Sends back what was received, bundles as bundles.</summary>
    public void SendBack(int socket, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var header = Headers + i;
            var segment = UdpNative.ReadSegment(*header);
            _vectors[i].Length = header->Length;
            header->ControlLength = 0;
            header->Flags = 0;
            if (segment > 0 && segment < header->Length)
            {
                UdpNative.WriteSegment(header->Control, segment);
                header->ControlLength = UdpNative.ControlBytes;
            }
        }

        for (var at = 0; at < count; )
        {
            var sent = UdpNative.SendMany(socket, Headers + at, (uint)(count - at), UdpNative.DontWait);
            // What is not taken is lost, and its client sends again.
            at += Math.Max(1, sent);
        }
    }
}
