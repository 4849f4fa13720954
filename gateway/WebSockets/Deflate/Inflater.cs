using System.Runtime.InteropServices;

namespace Mooring.Gateway.WebSockets.Deflate;

internal enum InflateResult : byte
{
    Done,

    /// <summary>Not deflate data.</summary>
    Invalid,

    /// <summary>More than allowed comes out of it.</summary>
    TooBig,
    NoMemory,
}

/// <summary>Inflates messages, RFC 7692 §7.2.2. Serves any number of connections that keep no context, or one that does. Not thread-safe.</summary>
internal sealed unsafe class Inflater : IDisposable
{
    /// <summary>The largest window, which reads what was made with any.</summary>
    private const int WindowBits = -15;

    private const int FirstBytes = 4096;

    /// <summary>What is kept between messages: a larger buffer goes back with the message that needed it.</summary>
    private const int KeptBytes = 64 * 1024;

    private readonly ZLib.Stream* _stream;
    private byte[] _output = [];

    public Inflater()
    {
        _stream = (ZLib.Stream*)NativeMemory.AllocZeroed((nuint)sizeof(ZLib.Stream));
        if (ZLib.InflateInit(_stream, WindowBits) != ZLib.Ok)
        {
            NativeMemory.Free(_stream);
            throw new InvalidOperationException("no memory to inflate with");
        }
    }

    /// <summary>Inflates a message.</summary>
    /// <param name="message">Its payload as received.</param>
    /// <param name="most">Bytes that may come out; more makes no work beyond them.</param>
    /// <param name="keepContext">The next message may refer to this one.</param>
    /// <param name="inflated">Good until the next call.</param>
    public InflateResult Inflate(ReadOnlySpan<byte> message, int most, bool keepContext, out ReadOnlySpan<byte> inflated)
    {
        if (_output.Length > KeptBytes)
        {
            _output = [];
        }

        inflated = default;
        var length = 0;
        if (!keepContext && ZLib.InflateReset(_stream, WindowBits) != ZLib.Ok)
        {
            return InflateResult.NoMemory;
        }

        // The sender took the end of an empty block off (§7.2.1): back it goes.
        var result = Feed(message, most, ref length);
        result = result == InflateResult.Done ? Feed([0x00, 0x00, 0xFF, 0xFF], most, ref length) : result;
        inflated = _output.AsSpan(0, result == InflateResult.Done ? length : 0);
        return result;
    }

    public void Dispose()
    {
        _ = ZLib.InflateEnd(_stream);
        NativeMemory.Free(_stream);
    }

    private InflateResult Feed(ReadOnlySpan<byte> input, int most, ref int length)
    {
        fixed (byte* start = input)
        {
            _stream->NextIn = start;
            _stream->AvailableIn = (uint)input.Length;
            while (true)
            {
                // One byte more than allowed tells a message that just fits from one that goes on.
                if (length == _output.Length && !Grow(most + 1L))
                {
                    return InflateResult.TooBig;
                }

                var room = (int)Math.Min(_output.Length, most + 1L) - length;
                int code;
                fixed (byte* output = &_output[length])
                {
                    _stream->NextOut = output;
                    _stream->AvailableOut = (uint)room;
                    code = ZLib.Inflate(_stream, ZLib.SyncFlush);
                }

                length += room - (int)_stream->AvailableOut;
                if (length > most)
                {
                    return InflateResult.TooBig;
                }

                switch (code)
                {
                    case ZLib.StreamEnd when ZLib.InflateReset(_stream, WindowBits) == ZLib.Ok:
                        // A block that calls itself the last (§7.2.3.5): what follows starts anew.
                        break;
                    case ZLib.Ok or ZLib.BufferError:
                        break;
                    case ZLib.MemoryError or ZLib.StreamEnd:
                        return InflateResult.NoMemory;
                    default:
                        return InflateResult.Invalid;
                }

                if (_stream->AvailableOut > 0 && (_stream->AvailableIn == 0 || code == ZLib.BufferError))
                {
                    return _stream->AvailableIn == 0 ? InflateResult.Done : InflateResult.Invalid;
                }
            }
        }
    }

    private bool Grow(long most)
    {
        if (_output.Length >= most)
        {
            return false;
        }

        Array.Resize(ref _output, (int)Math.Min(most, Math.Max(FirstBytes, _output.Length * 2L)));
        return true;
    }
}
