using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Contracts.Text;

/// <summary>Reads and writes durations as Kubernetes users write them: <c>10s</c>, <c>1h30m</c>, <c>250ms</c>.</summary>
/// <remarks>The form is <c>^([0-9]{1,5}(h|m|s|ms)){1,4}$</c>, the Gateway API's GEP-2257 format. Pure and thread-safe.</remarks>
public static class Duration
{
    /// <summary>Parses a duration. Returns false, and zero, on any other form, an unknown unit or an empty text.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan value)
    {
        value = TimeSpan.Zero;
        if (text.IsEmpty)
        {
            return false;
        }

        long milliseconds = 0;
        var parts = 0;
        while (!text.IsEmpty)
        {
            var digits = 0;
            while (digits < text.Length && char.IsAsciiDigit(text[digits]))
            {
                digits++;
            }

            if (digits is 0 or > 5 || ++parts > 4)
            {
                return false;
            }

            var number = long.Parse(text[..digits], NumberStyles.None, CultureInfo.InvariantCulture);
            text = text[digits..];
            var (factor, length) = text switch
            {
                ['m', 's', ..] => (1L, 2),
                ['h', ..] => (3_600_000L, 1),
                ['m', ..] => (60_000L, 1),
                ['s', ..] => (1_000L, 1),
                _ => (0L, 0),
            };
            if (length == 0)
            {
                return false;
            }

            milliseconds += number * factor;
            text = text[length..];
        }

        value = TimeSpan.FromMilliseconds(milliseconds);
        return true;
    }

    /// <summary>Parses a duration.</summary>
    /// <exception cref="FormatException">The text is not a duration; the message quotes it.</exception>
    public static TimeSpan Parse(string text) =>
        TryParse(text, out var value) ? value : throw new FormatException($"'{text}' is not a duration such as 10s, 1h30m or 250ms");

    /// <summary>Writes the shortest form; zero is <c>0s</c>. Fractions of a millisecond are dropped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public static string Format(TimeSpan value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, TimeSpan.Zero);
        var text = new StringBuilder();
        Append((long)value.TotalHours, "h");
        Append(value.Minutes, "m");
        Append(value.Seconds, "s");
        Append(value.Milliseconds, "ms");
        return text.Length == 0 ? "0s" : text.ToString();

        void Append(long number, string unit)
        {
            if (number > 0)
            {
                text.Append(number).Append(unit);
            }
        }
    }
}

/// <summary>JSON form of a <see cref="TimeSpan"/>: the text of <see cref="Duration"/>.</summary>
public sealed class DurationJsonConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return Duration.TryParse(text, out var value)
            ? value
            : throw new JsonException($"'{text}' is not a duration such as 10s, 1h30m or 250ms");
    }

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteStringValue(Duration.Format(value));
}
