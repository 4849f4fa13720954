using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.Bench;

/// <summary>Turns a client's frames into the server's echo of them, in place. Frames have been checked by a <see cref="FrameTracker"/>.</summary>
/// <remarks>In place works because what a server sends is never longer than what it answers: the key falls away. Not thread-safe.</remarks>
internal sealed class FrameEcho
{
    private long _payloadLeft;
    private uint _key;

    /// <summary>The client's close frame was answered.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Everything put out so far ends with a whole frame.</summary>
    public bool IsBetweenFrames => _payloadLeft == 0;

    /// <summary>Overwrites the start of the data with what to send, and tells how much of the data was used up.</summary>
    public (int Produced, int Consumed) Process(Span<byte> data)
    {
        var produced = 0;
        var consumed = 0;
        while (!IsClosed)
        {
            var rest = data[consumed..];
            if (_payloadLeft > 0)
            {
                var take = (int)Math.Min(_payloadLeft, rest.Length);
                _key = FrameMask.Apply(rest[..take], _key);
                rest[..take].CopyTo(data[produced..]);
                produced += take;
                consumed += take;
                _payloadLeft -= take;
                if (_payloadLeft > 0)
                {
                    break;
                }

                continue;
            }

            if (!FrameHeader.TryRead(rest, out var header) || (header.First >= 0x88 && rest.Length < header.Size + header.PayloadLength))
            {
                break;
            }

            consumed += header.Size;
            _key = header.MaskKey ?? 0;
            if (header.Opcode == Opcode.Pong)
            {
                consumed += (int)header.PayloadLength;
                continue;
            }

            var first = header.Opcode == Opcode.Ping ? (byte)(0x80 | (byte)Opcode.Pong) : header.First;
            produced += FrameHeader.Write(data[produced..], first, header.PayloadLength, null);
            _payloadLeft = header.PayloadLength;
            if (header.Opcode == Opcode.Close)
            {
                var payload = data.Slice(consumed, (int)_payloadLeft);
                FrameMask.Apply(payload, _key);
                payload.CopyTo(data[produced..]);
                produced += payload.Length;
                consumed += payload.Length;
                _payloadLeft = 0;
                IsClosed = true;
            }
        }

        return (produced, consumed);
    }
}
