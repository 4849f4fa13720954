using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Writes frames as servers send them: whole messages, unmasked (RFC 6455 §5.1). Pure.</summary>
internal static class ServerFrame
{
    /// <summary>Longest header: no masking key.</summary>
    public const int MaxHeaderBytes = 10;

    /// <summary>Bytes of a frame with so much payload.</summary>
    public static int SizeOf(int payloadLength) =>
        payloadLength
        + payloadLength switch
        {
            < 126 => 2,
            <= ushort.MaxValue => 4,
            _ => MaxHeaderBytes,
        };

    /// <summary>Writes the header of a whole message or control frame, behind which its payload goes as it is; returns its size.</summary>
    /// <param name="destination">At least <see cref="MaxHeaderBytes"/>.</param>
    /// <param name="opcode">Text, Binary, Ping or Pong; for a close frame see <see cref="CloseFrame"/>.</param>
    /// <param name="payloadLength">Of a control frame at most 125.</param>
    /// <param name="compressed">The payload was deflated.</param>
    public static int WriteHeader(Span<byte> destination, Opcode opcode, int payloadLength, bool compressed) =>
        FrameHeader.Write(destination, (byte)(0x80 | (compressed ? 0x40 : 0) | (int)opcode), payloadLength, null);

    /// <summary>The payload of a frame that <see cref="Write"/> has written.</summary>
    public static ReadOnlySpan<byte> PayloadOf(ReadOnlySpan<byte> frame) =>
        frame[
            (
                frame[1] < 126 ? 2
                : frame[1] == 126 ? 4
                : MaxHeaderBytes
            )..
        ];

    /// <summary>Writes a whole frame and returns its size, <see cref="SizeOf"/> the payload.</summary>
    public static int Write(Span<byte> destination, Opcode opcode, ReadOnlySpan<byte> payload, bool compressed)
    {
        var header = WriteHeader(destination, opcode, payload.Length, compressed);
        payload.CopyTo(destination[header..]);
        return header + payload.Length;
    }
}
