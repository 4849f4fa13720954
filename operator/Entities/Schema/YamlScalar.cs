using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Mooring.Operator.Entities.Schema;

/// <summary>What a plain (unquoted) YAML scalar means, by the core schema of YAML 1.2 (§10.3.2).</summary>
public static partial class YamlScalar
{
    /// <summary>The value of a plain scalar: null, a boolean, a number, or else a text.</summary>
    public static JsonNode? Resolve(string text)
    {
        if (text is "" or "~" or "null" or "Null" or "NULL")
        {
            return null;
        }

        if (text is "true" or "True" or "TRUE" or "false" or "False" or "FALSE")
        {
            return JsonValue.Create(text[0] is 't' or 'T');
        }

        if (Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return JsonValue.Create(number);
        }

        if (
            text.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal)
        )
        {
            return JsonValue.Create(hexadecimal);
        }

        return
            Float().IsMatch(text)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
            && double.IsFinite(real)
            ? JsonValue.Create(real)
            : JsonValue.Create(text);
    }

    /// <summary>Whether the text may stand unquoted: it reads as itself, also by the rules of YAML 1.1, and has no sign that YAML gives a meaning.</summary>
    internal static bool IsPlainText(string text) =>
        Plain().IsMatch(text)
        && !Reserved().IsMatch(text)
        && Resolve(text) is JsonValue value
        && value.TryGetValue<string>(out _)
        && !text.EndsWith(':')
        && !text.Contains(": ")
        && !text.Contains(" #");

    [GeneratedRegex("^[-+]?[0-9]+$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Float();

    [GeneratedRegex(@"^[A-Za-z0-9_./(\u0080-\uffff]([^\r\n\t]*[^\s])?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Plain();

    // YAML 1.1 reads these as booleans, and digits with ':' or '_' as numbers or times.
    [GeneratedRegex(
        "^([yY]|[nN]|[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]|[-+0-9][-+0-9_:.eExXoOa-fA-F]*)$",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Reserved();
}
