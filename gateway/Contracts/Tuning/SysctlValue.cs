using System.Globalization;

namespace Mooring.Contracts.Tuning;

/// <summary>Values of kernel settings: their form, and how two compare. Pure.</summary>
public static class SysctlValue
{
    /// <summary>Longest value, in characters; the reserved ports are the longest.</summary>
    public const int MaxLength = 1024;

    private static readonly char[] Blanks = [' ', '\t', '\n', '\r'];

    /// <summary>With single blanks between its parts, as the kernel reads it.</summary>
    public static string Normalize(string value) => string.Join(' ', value.Split(Blanks, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>What is wrong with a value of this setting; null: nothing.</summary>
    public static string? Check(SysctlDefinition definition, string value)
    {
        var parts = value.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);
        if (definition.IsPortList)
        {
            return parts.Length <= 1 && value.Length <= MaxLength && string.Concat(parts).Split(',').All(IsPortOrRange)
                ? null
                : "must be ports of 0 to 65535 and ranges of them, such as 8080,9000-9010";
        }

        if (definition.Numbers == 0)
        {
            return parts.Length == 1 && value.Length <= MaxLength && parts[0].All(IsWordCharacter)
                ? null
                : "must be one word of letters, digits, '_', '-' and ','";
        }

        if (parts.Length != definition.Numbers || parts.Any(part => !TryNumber(part, out _)))
        {
            return definition.Numbers == 1
                ? "must be one whole number of at least 0"
                : $"must be {definition.Numbers} whole numbers of at least 0 with blanks between them";
        }

        if (parts.Any(HasLeadingZero))
        {
            return "must have no leading zeros, which make it octal to the kernel";
        }

        if (definition.Bounds is { } bounds && parts.Any(part => Number(part) < bounds.Least || Number(part) > bounds.Most))
        {
            return $"must be of {bounds.Least} to {bounds.Most}";
        }

        var falling = parts.Zip(parts.Skip(1)).Any(pair => Number(pair.First) > Number(pair.Second));
        return falling ? "its numbers must not fall from one to the next" : null;
    }

    /// <summary>Whether a setting that has <paramref name="actual"/> needs nothing more to be as <paramref name="wanted"/>.</summary>
    public static bool Satisfies(SysctlDefinition definition, string actual, string wanted)
    {
        var (have, want) = (Normalize(actual), Normalize(wanted));
        if (have == want)
        {
            return true;
        }

        if (definition.IsPortList)
        {
            // The kernel keeps a set, and prints it in order, with runs that touch as one.
            return Runs(have) is { } one && Runs(want) is { } other && one.SequenceEqual(other);
        }

        if (definition.Comparison != SysctlComparison.AtLeast)
        {
            return false;
        }

        var (haves, wants) = (have.Split(' '), want.Split(' '));
        return haves.Length == wants.Length
            && haves.Zip(wants).All(pair => TryNumber(pair.First, out var one) && TryNumber(pair.Second, out var other) && one >= other);
    }

    /// <summary>The value that gives both what they want: part by part the higher; null where the two cannot both have their way.</summary>
    public static string? Merge(SysctlDefinition definition, string one, string other)
    {
        var (first, second) = (Normalize(one), Normalize(other));
        if (first == second)
        {
            return first;
        }

        return definition.Comparison == SysctlComparison.AtLeast
            ? string.Join(
                ' ',
                first.Split(' ').Zip(second.Split(' ')).Select(pair => Number(pair.First) >= Number(pair.Second) ? pair.First : pair.Second)
            )
            : null;
    }

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static long Number(string text) => TryNumber(text, out var number) ? number : long.MaxValue;

    private static bool HasLeadingZero(string number) => number.Length > 1 && number[0] == '0';

    /// <summary>The ports of a list, in order and with runs that touch as one; null: it is none.</summary>
    private static List<(long Start, long End)>? Runs(string list)
    {
        var parts = list.Split(',');
        if (!parts.All(IsPortOrRange))
        {
            return null;
        }

        var runs = new List<(long Start, long End)>();
        foreach (
            var (start, end) in parts
                .Select(static part => part.Split('-'))
                .Select(static ends => (Number(ends[0]), Number(ends[^1])))
                .Order()
        )
        {
            if (runs.Count > 0 && start <= runs[^1].End + 1)
            {
                runs[^1] = (runs[^1].Start, Math.Max(runs[^1].End, end));
            }
            else
            {
                runs.Add((start, end));
            }
        }

        return runs;
    }

    private static bool IsPortOrRange(string text)
    {
        var ends = text.Split('-');
        return ends.Length <= 2
            && ends.All(static end => TryNumber(end, out var port) && port is >= 0 and <= 65535 && !HasLeadingZero(end))
            && Number(ends[0]) <= Number(ends[^1]);
    }

    private static bool IsWordCharacter(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or ',';
}
