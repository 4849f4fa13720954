// Hot path: every chunk of a text message.
using System.Text.Unicode;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Validates UTF-8 (RFC 3629) over arbitrary chunks, and finds the first bad byte in the chunk that has it.</summary>
/// <remarks>3 bytes; <c>default</c> is between two characters. Whole characters are checked by vectors, only one that is cut by a chunk's end byte by byte.</remarks>
internal struct Utf8Stream
{
    private byte _missing; // continuation bytes to come
    private byte _lower; // the next one's range, narrower than 80..BF after some first bytes
    private byte _upper;

    /// <summary>Nothing is missing: the text may end here.</summary>
    public readonly bool IsComplete => _missing == 0;

    /// <summary>Goes on with the chunk; false when it cannot be UTF-8, whatever would follow.</summary>
    public bool Advance(ReadOnlySpan<byte> chunk)
    {
        var at = 0;
        while (_missing > 0)
        {
            if (at == chunk.Length)
            {
                return true;
            }

            if (!Step(chunk[at++]))
            {
                return false;
            }
        }

        // The last character may go on in the next chunk: from its first byte on, byte by byte.
        var cut = chunk.Length;
        for (var back = 1; back <= 3 && chunk.Length - back >= at; back++)
        {
            if (chunk[^back] >= 0xC0)
            {
                cut = chunk.Length - back;
                break;
            }
        }

        if (!Utf8.IsValid(chunk[at..cut]))
        {
            return false;
        }

        foreach (var value in chunk[cut..])
        {
            if (!Step(value))
            {
                return false;
            }
        }

        return true;
    }

    private bool Step(byte value)
    {
        if (_missing > 0)
        {
            var valid = value >= _lower && value <= _upper;
            (_lower, _upper) = (0x80, 0xBF);
            _missing--;
            return valid;
        }

        if (value < 0x80)
        {
            return true;
        }

        // RFC 3629 §4: no overlong forms, no surrogates, nothing beyond U+10FFFF.
        (_missing, _lower, _upper) = value switch
        {
            >= 0xC2 and <= 0xDF => ((byte)1, (byte)0x80, (byte)0xBF),
            0xE0 => ((byte)2, (byte)0xA0, (byte)0xBF),
            0xED => ((byte)2, (byte)0x80, (byte)0x9F),
            >= 0xE1 and <= 0xEF => ((byte)2, (byte)0x80, (byte)0xBF),
            0xF0 => ((byte)3, (byte)0x90, (byte)0xBF),
            >= 0xF1 and <= 0xF3 => ((byte)3, (byte)0x80, (byte)0xBF),
            0xF4 => ((byte)3, (byte)0x80, (byte)0x8F),
            _ => default,
        };
        return _missing > 0;
    }
}
