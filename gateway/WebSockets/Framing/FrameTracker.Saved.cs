using System.Buffers.Binary;

namespace Mooring.Gateway.WebSockets.Framing;

internal partial struct FrameTracker
{
    /// <summary>Bytes of a saved tracker: 8 of what remains, little-endian, then length and mask bytes left, place in the header, opcode, flags, error.</summary>
    public const int SavedBytes = 14;

    private const byte InHeader = 1;
    private const byte LengthNext = 2;

    /// <summary>Writes where the tracker stands, for another process to go on from.</summary>
    public readonly void Save(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(to, _remaining);
        to[8] = _lengthLeft;
        to[9] = _maskLeft;
        to[10] = (byte)((_inHeader ? InHeader : 0) | (_lengthNext ? LengthNext : 0));
        to[11] = _opcode;
        to[12] = (byte)_flags;
        to[13] = (byte)_error;
    }

    /// <summary>Reads what <see cref="Save"/> has written.</summary>
    /// <exception cref="InvalidDataException">A value that no tracker has, with its offset.</exception>
    public static FrameTracker Restore(ReadOnlySpan<byte> from)
    {
        ReadOnlySpan<byte> most = [8, 4, InHeader | LengthNext, 15, 31, (byte)FrameError.ClosePayload];
        for (var i = 0; i < most.Length; i++)
        {
            if (from[8 + i] > most[i])
            {
                throw new InvalidDataException($"saved frame state has {from[8 + i]} at offset {8 + i}; at most {most[i]}");
            }
        }

        return new FrameTracker
        {
            _remaining = BinaryPrimitives.ReadUInt64LittleEndian(from),
            _lengthLeft = from[8],
            _maskLeft = from[9],
            _inHeader = (from[10] & InHeader) != 0,
            _lengthNext = (from[10] & LengthNext) != 0,
            _opcode = from[11],
            _flags = (Flags)from[12],
            _error = (FrameError)from[13],
        };
    }
}
