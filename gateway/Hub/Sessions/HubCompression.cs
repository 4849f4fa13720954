// Hot path: per message to a client that agreed on compression. See tests/benchmarks.
using Mooring.Gateway.WebSockets.Messages;

namespace Mooring.Gateway.Hub.Sessions;

/// <summary>Compresses what a loop sends to clients that agreed on it, RFC 7692 without takeover. For the loop's thread only.</summary>
/// <param name="loop">Whose sessions.</param>
/// <param name="compressor">Of the event loop, for all its listeners.</param>
internal sealed class HubCompression(HubLoop loop, MessageCompressor compressor)
{
    // What a client has missed may be 16 MiB: compressing that takes the loop's thread from everybody else for longer than it spares the one.
    private const int MaxBytes = 1 << 20;

    /// <summary>A message for one client, as its frame. Long ones, and all where the config has no compression any more, go as they are, which they may at any time (RFC 7692 §6).</summary>
    /// <param name="session">That agreed on it.</param>
    /// <param name="message">One of the protocol.</param>
    public byte[] Frame(HubSession session, ReadOnlySpan<byte> message)
    {
        if (
            message.Length > MaxBytes
            || loop.Options.Deflate is not { } options
            || !compressor.TryCompress(options, session.WindowBits, message, out var compressed)
        )
        {
            return session.Codec.Framed(message);
        }

        var frame = new byte[ServerFrame.SizeOf(compressed.Length)];
        ServerFrame.Write(frame, session.Codec.Opcode, compressed, compressed: true);
        Count(message.Length, compressed.Length);
        return frame;
    }

    /// <summary>The frame of a message for many, as this client gets it.</summary>
    /// <param name="session">That agreed on it.</param>
    /// <param name="plain">The same array for all.</param>
    /// <param name="forms">The message's.</param>
    public byte[] Frame(HubSession session, byte[] plain, ref CompressedForms forms)
    {
        if (loop.Options.Deflate is not { } options)
        {
            return plain;
        }

        var frame = forms.For(plain, session.WindowBits, options, compressor);
        if (frame != plain)
        {
            Count(plain.Length, frame.Length);
        }

        return frame;
    }

    private void Count(int before, int after)
    {
        loop.Counters.SentBefore += before;
        loop.Counters.SentAfter += after;
    }
}
