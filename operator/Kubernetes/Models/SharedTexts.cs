namespace Mooring.Kubernetes.Models;

/// <summary>Texts that were met lately, so that equal ones are one object: what an API server tells of thousands of objects is mostly the same few words. Thread-safe.</summary>
/// <remarks>Bounded, as it is direct-mapped: of two texts that meet in a place, the later stays. Nothing secret belongs in it.</remarks>
public static class SharedTexts
{
    /// <summary>Of more characters than this none is kept. A PEM certificate is shorter.</summary>
    public const int Longest = 1024;

    // Names and uids of a thousand fleets are some ten thousand.
    private const int Places = 1 << 15;
    private static readonly string?[] Texts = new string?[Places];

    /// <summary>The same text, and where it was met lately the same object.</summary>
    public static string Of(string text)
    {
        if (text.Length is 0 or > Longest)
        {
            return text;
        }

        ref var place = ref Place(text);
        return place is { } known && known == text ? known : place = text;
    }

    /// <summary>Likewise, of characters that are no text yet: it is made only where none is known.</summary>
    public static string Of(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > Longest)
        {
            return text.ToString();
        }

        ref var place = ref Place(text);
        return place is { } known && text.SequenceEqual(known) ? known : place = text.ToString();
    }

    // A reference is written whole: a race costs no more than a copy.
    private static ref string? Place(ReadOnlySpan<char> text) =>
        ref Texts[(uint)string.GetHashCode(text, StringComparison.Ordinal) % Places];
}
