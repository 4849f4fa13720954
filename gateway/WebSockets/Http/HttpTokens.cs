using System.Buffers;
using System.Text;

namespace Mooring.Gateway.WebSockets.Http;

/// <summary>Character classes and lists of RFC 9110 §5.6. Pure.</summary>
internal static class HttpTokens
{
    private static readonly SearchValues<byte> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8
    );

    private static readonly SearchValues<byte> Visible = SearchValues.Create(Range(0x21, 0x7E));

    private static readonly SearchValues<byte> Hex = SearchValues.Create("0123456789abcdefABCDEF"u8);

    // Everything that field-content lets through: HTAB, SP, VCHAR and obs-text.
    private static readonly SearchValues<byte> FieldContent = SearchValues.Create([(byte)'\t', .. Range(0x20, 0x7E), .. Range(0x80, 0xFF)]);

    public static bool IsToken(byte value) => Token.Contains(value);

    /// <summary>Index of the first byte that no token may have, or -1.</summary>
    public static int FirstNonToken(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(Token);

    /// <summary>Index of the first byte that is no visible ASCII character, or -1.</summary>
    public static int FirstNonVisible(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(Visible);

    /// <summary>Index of the first byte that is no hexadecimal digit, or -1.</summary>
    public static int FirstNonHex(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(Hex);

    /// <summary>Index of the first byte that no field value may have, or -1.</summary>
    public static int FirstControl(ReadOnlySpan<byte> text) => text.IndexOfAnyExcept(FieldContent);

    /// <summary>Takes the next element off a comma-separated list, without the white space around it. False at the end; empty elements are skipped.</summary>
    public static bool NextElement(ref ReadOnlySpan<byte> list, out ReadOnlySpan<byte> element)
    {
        while (!list.IsEmpty)
        {
            var comma = list.IndexOf((byte)',');
            element = (comma < 0 ? list : list[..comma]).Trim(" \t"u8);
            list = comma < 0 ? default : list[(comma + 1)..];
            if (!element.IsEmpty)
            {
                return true;
            }
        }

        element = default;
        return false;
    }

    /// <summary>Whether the list has this element, case-insensitive.</summary>
    public static bool ListContains(ReadOnlySpan<byte> list, ReadOnlySpan<byte> token)
    {
        while (NextElement(ref list, out var element))
        {
            if (Ascii.EqualsIgnoreCase(element, token))
            {
                return true;
            }
        }

        return false;
    }

    private static byte[] Range(int first, int last) => [.. Enumerable.Range(first, last - first + 1).Select(value => (byte)value)];
}
