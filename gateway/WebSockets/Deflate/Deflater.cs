using System.Runtime.InteropServices;

namespace Mooring.Gateway.WebSockets.Deflate;

/// <summary>Deflates messages, RFC 7692 §7.2.1. Serves any number of connections that keep no context, or one that does. Not thread-safe.</summary>
internal sealed unsafe class Deflater : IDisposable
{
    /// <summary>zlib's default; zlib-ng ignores all but the extremes.</summary>
    private const int MemoryLevel = 8;

    private const int FirstBytes = 4096;

    /// <summary>What is kept between messages: a larger buffer goes back with the message that needed it.</summary>
    private const int KeptBytes = 64 * 1024;

    private readonly ZLib.Stream* _stream;
    private byte[] _output = new byte[FirstBytes];

    /// <param name="level">0 to 9: zlib's.</param>
    /// <param name="windowBits">9 to 15: how far back it refers, as a power of two.</param>
    public Deflater(int level, int windowBits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(windowBits, DeflateOptions.MinWindowBits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(windowBits, DeflateOptions.MaxWindowBits);
        _stream = (ZLib.Stream*)NativeMemory.AllocZeroed((nuint)sizeof(ZLib.Stream));
        if (ZLib.DeflateInit(_stream, level, ZLib.Deflated, -windowBits, MemoryLevel, 0) != ZLib.Ok)
        {
            NativeMemory.Free(_stream);
            throw new InvalidOperationException("no memory to deflate with");
        }
    }

    /// <summary>Deflates a message; what comes out is its frame's payload, good until the next call.</summary>
    /// <param name="message">Its payload.</param>
    /// <param name="keepContext">The next message may refer to this one. Else the compressor is as new afterwards.</param>
    public ReadOnlySpan<byte> Deflate(ReadOnlySpan<byte> message, bool keepContext)
    {
        if (message.IsEmpty)
        {
            // §7.2.3.6: an empty block, without what is taken off its end. zlib does nothing when nothing was put in since the last flush.
            return new byte[] { 0x00 };
        }

        if (_output.Length > KeptBytes)
        {
            _output = new byte[FirstBytes];
        }

        var length = 0;
        fixed (byte* start = message)
        {
            _stream->NextIn = start;
            _stream->AvailableIn = (uint)message.Length;
            do
            {
                if (length == _output.Length)
                {
                    Array.Resize(ref _output, (int)Math.Min(_output.Length * 2L, Array.MaxLength));
                }

                var room = _output.Length - length;
                fixed (byte* output = &_output[length])
                {
                    _stream->NextOut = output;
                    _stream->AvailableOut = (uint)room;
                    var code = ZLib.Deflate(_stream, keepContext ? ZLib.SyncFlush : ZLib.FullFlush);
                    if (code is not (ZLib.Ok or ZLib.BufferError))
                    {
                        throw new InvalidOperationException($"deflate gave {code}");
                    }
                }

                length += room - (int)_stream->AvailableOut;
            } while (_stream->AvailableOut == 0);
        }

        // Every flush ends with an empty block, whose last four bytes are always the same.
        return _output.AsSpan(0, length - 4);
    }

    public void Dispose()
    {
        _ = ZLib.DeflateEnd(_stream);
        NativeMemory.Free(_stream);
    }
}
