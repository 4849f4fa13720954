namespace Mooring.Gateway.WebSockets.Framing;

internal partial struct FrameTracker
{
    /// <summary>Between the first byte of a frame's header and its last.</summary>
    public readonly bool IsInHeader => _inHeader;

    /// <summary>Of the frame under way, or of the last one.</summary>
    public readonly Opcode Opcode => (Opcode)_opcode;

    /// <summary>Reads a header, and stops behind its last byte: then <see cref="PayloadRemaining"/> is what the frame announces.</summary>
    /// <param name="chunk">Begins at a frame boundary, or inside a header.</param>
    /// <param name="messages">Counts as <see cref="Advance(ReadOnlySpan{byte}, StopAt, ref long)"/> does.</param>
    /// <returns>Bytes consumed. The header is whole when <see cref="IsInHeader"/> is false and there is no <see cref="Error"/>.</returns>
    public int AdvanceHeader(ReadOnlySpan<byte> chunk, ref long messages)
    {
        for (var at = 0; at < chunk.Length; at++)
        {
            var isFirst = !_inHeader;
            if (!ReadHeaderByte(chunk[at]))
            {
                return at;
            }

            if (isFirst && (chunk[at] & 0x88) == 0x80)
            {
                messages++;
            }

            if (!_inHeader)
            {
                return at + 1;
            }
        }

        return chunk.Length;
    }
}
