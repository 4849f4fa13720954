using System.Numerics;
using System.Runtime.InteropServices;

namespace Mooring.Gateway.WebSockets.Framing;

/// <summary>Masks and unmasks payload, RFC 6455 §5.3: the same operation.</summary>
internal static class FrameMask
{
    /// <summary>Applies the key in place, as read little-endian from the frame, and returns it turned to where the next chunk of the payload goes on.</summary>
    public static uint Apply(Span<byte> payload, uint key)
    {
        var words = MemoryMarshal.Cast<byte, Vector<byte>>(payload);
        if (words.Length > 0)
        {
            var wide = Vector.AsVectorByte(new Vector<uint>(key));
            foreach (ref var word in words)
            {
                word ^= wide;
            }
        }

        foreach (ref var value in payload[(words.Length * Vector<byte>.Count)..])
        {
            value ^= (byte)key;
            key = BitOperations.RotateRight(key, 8);
        }

        return key;
    }
}
