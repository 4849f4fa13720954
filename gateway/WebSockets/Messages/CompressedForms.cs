// Hot path: per publication and subscriber that agreed on compression. See tests/benchmarks.
using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>The compressed forms of a message that goes to many: each of its frames is compressed once for each window size that is in use.</summary>
/// <remarks>
/// <c>default</c> has none; a message that nobody wants compressed costs one reference. Thread-safe as a field that is never copied: two loops that compress
/// at once do the same work, and one result stays.
/// </remarks>
internal struct CompressedForms
{
    private Form? _first;

    /// <summary>The frame to send: compressed, or the plain one where that is short or would not get shorter.</summary>
    /// <param name="plain">As <see cref="ServerFrame.Write"/> made it; the same array each time.</param>
    /// <param name="windowBits">9 to 15: what the connection agreed on, without takeover.</param>
    /// <param name="options">What the endpoint offers.</param>
    /// <param name="compressor">Of the loop that asks.</param>
    public byte[] For(byte[] plain, int windowBits, DeflateOptions options, MessageCompressor compressor)
    {
        if (ServerFrame.PayloadOf(plain).Length < options.MinBytes)
        {
            return plain;
        }

        return Find(plain, windowBits) ?? Add(plain, windowBits, options, compressor);
    }

    private byte[]? Find(byte[] plain, int windowBits)
    {
        // A message has a handful: two encodings, deltas, and the windows that clients ask for.
        for (var form = Volatile.Read(ref _first); form is not null; form = form.Next)
        {
            if (form.Plain == plain && form.WindowBits == windowBits)
            {
                return form.Frame;
            }
        }

        return null;
    }

    private byte[] Add(byte[] plain, int windowBits, DeflateOptions options, MessageCompressor compressor)
    {
        var frame = plain;
        if (compressor.TryCompress(options, windowBits, ServerFrame.PayloadOf(plain), out var compressed))
        {
            frame = new byte[ServerFrame.SizeOf(compressed.Length)];
            ServerFrame.Write(frame, (Opcode)(plain[0] & 0x0F), compressed, compressed: true);
        }

        while (true)
        {
            var first = Volatile.Read(ref _first);
            if (Find(plain, windowBits) is { } others)
            {
                return others;
            }

            if (Interlocked.CompareExchange(ref _first, new Form(plain, windowBits, frame, first), first) == first)
            {
                return frame;
            }
        }
    }

    private sealed record Form(byte[] Plain, int WindowBits, byte[] Frame, Form? Next);
}
