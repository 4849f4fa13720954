using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Mooring.Gateway.Tunnels.Protocol;

/// <summary>What a visitor waits under: 16 bytes that a bore client takes for a UUID and brings back, to whichever gateway.</summary>
/// <remarks>It says who has the visitor, so that the gateway which gets it back need not ask anybody, and is a capability by its 64 random bits.</remarks>
/// <param name="Owner">Number of the gateway: drawn by lot when it starts, and in its entry in the registry.</param>
/// <param name="Loop">Number of its loop.</param>
/// <param name="Slot">Number of the tunnel's port there, 24 bits.</param>
/// <param name="Secret">64 random bits.</param>
internal readonly record struct TunnelId(uint Owner, byte Loop, int Slot, ulong Secret)
{
    public const int Bytes = 16;
    public const int MaxSlot = (1 << 24) - 1;

    public static ulong NewSecret()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    public static TunnelId Read(Guid id)
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        var place = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        return new TunnelId(
            BinaryPrimitives.ReadUInt32BigEndian(bytes),
            (byte)(place >> 24),
            (int)(place & MaxSlot),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..])
        );
    }

    public Guid ToGuid()
    {
        Span<byte> bytes = stackalloc byte[Bytes];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Owner);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[4..], ((uint)Loop << 24) | (uint)Slot);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Secret);
        return new Guid(bytes, bigEndian: true);
    }
}
