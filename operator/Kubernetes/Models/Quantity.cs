using System.Globalization;
using System.Numerics;

namespace Mooring.Kubernetes.Models;

/// <summary>Amounts as Kubernetes writes them: <c>500m</c>, <c>1.5</c>, <c>64Mi</c>, <c>1e3</c>.</summary>
/// <remarks>
/// The API server stores a quantity in one canonical form (<c>1000m</c> becomes <c>1</c>), so what is compared with a live object has to be in that
/// form too. Pure and thread-safe.
/// </remarks>
public static class Quantity
{
    // Kubernetes keeps nothing finer than nano.
    private static readonly BigInteger Nano = BigInteger.Pow(10, 9);
    private static readonly string[] DecimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    private static readonly string[] BinarySuffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

    private enum Form
    {
        Decimal,
        Binary,
        Exponent,
    }

    /// <summary>Whether the text is a quantity of at most 32 characters.</summary>
    public static bool IsValid(string? text) => TryParse(text, out _, out _);

    /// <summary>The canonical form; a text that is no quantity comes back as it is.</summary>
    public static string Canonicalize(string text) => TryParse(text, out var nanos, out var form) ? Write(nanos, form) : text;

    /// <summary>Below zero where the first is less, above where it is more, zero where they are equal; null where one is no quantity.</summary>
    public static int? Compare(string left, string right) =>
        TryParse(left, out var a, out _) && TryParse(right, out var b, out _) ? a.CompareTo(b) : null;

    /// <summary>Whether the value is a whole number, however it is written; null where the text is no quantity.</summary>
    public static bool? IsWhole(string text) => TryParse(text, out var nanos, out _) ? (nanos % Nano).IsZero : null;

    /// <summary>The value rounded up to a whole number, or null where the text is no quantity or the number does not fit.</summary>
    public static long? ToInt64(string text)
    {
        if (!TryParse(text, out var nanos, out _))
        {
            return null;
        }

        var whole = BigInteger.DivRem(nanos, Nano, out var rest) + (rest.Sign > 0 ? 1 : 0);
        return whole >= long.MinValue && whole <= long.MaxValue ? (long)whole : null;
    }

    private static bool TryParse(string? text, out BigInteger nanos, out Form form)
    {
        nanos = default;
        form = Form.Decimal;
        if (string.IsNullOrEmpty(text) || text.Length > 32)
        {
            return false;
        }

        var end = text[0] is '+' or '-' ? 1 : 0;
        var start = end;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
        {
            end++;
        }

        var number = text[start..end];
        var parts = number.Split('.');
        if (parts.Length > 2 || !number.Any(char.IsAsciiDigit))
        {
            return false;
        }

        var fraction = parts.Length == 2 ? parts[1] : "";
        if (!TryReadSuffix(text[end..], out var factorBase, out var power, out form))
        {
            return false;
        }

        var mantissa = BigInteger.Parse("0" + parts[0] + fraction, NumberStyles.None, CultureInfo.InvariantCulture);
        var numerator = mantissa * Nano * (power >= 0 ? BigInteger.Pow(factorBase, power) : 1);
        var denominator = BigInteger.Pow(10, fraction.Length) * (power < 0 ? BigInteger.Pow(factorBase, -power) : 1);
        nanos = BigInteger.DivRem(numerator, denominator, out var rest);
        if (!rest.IsZero)
        {
            nanos += 1;
        }

        if (text[0] == '-')
        {
            nanos = -nanos;
        }

        return true;
    }

    private static bool TryReadSuffix(string suffix, out int factorBase, out int power, out Form form)
    {
        (factorBase, power, form) = (10, 0, Form.Decimal);
        if (Array.IndexOf(DecimalSuffixes, suffix) is >= 0 and var thousands)
        {
            power = 3 * (thousands - 3);
            return true;
        }

        if (Array.IndexOf(BinarySuffixes, suffix) is > 0 and var kibis)
        {
            (factorBase, power, form) = (1024, kibis, Form.Binary);
            return true;
        }

        form = Form.Exponent;
        return suffix is ['e' or 'E', _, ..]
            && int.TryParse(suffix.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out power)
            && power is >= -9 and <= 18;
    }

    private static string Write(BigInteger nanos, Form form)
    {
        var whole = BigInteger.DivRem(nanos, Nano, out var rest);
        if (form == Form.Binary && rest.IsZero && BigInteger.Abs(whole) >= 1024)
        {
            var kibis = 0;
            while (kibis < BinarySuffixes.Length - 1 && (whole % 1024).IsZero)
            {
                whole /= 1024;
                kibis++;
            }

            return whole.ToString(CultureInfo.InvariantCulture) + BinarySuffixes[kibis];
        }

        var thousands = 0;
        while (thousands < DecimalSuffixes.Length - 1 && !nanos.IsZero && (nanos % 1000).IsZero)
        {
            nanos /= 1000;
            thousands++;
        }

        if (nanos.IsZero)
        {
            return "0";
        }

        var exponent = 3 * (thousands - 3);
        var suffix = form == Form.Exponent ? (exponent == 0 ? "" : $"e{exponent}") : DecimalSuffixes[thousands];
        return nanos.ToString(CultureInfo.InvariantCulture) + suffix;
    }
}
