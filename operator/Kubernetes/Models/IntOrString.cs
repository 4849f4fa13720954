using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>A value that the API takes as a number or as a text: a port by number or by name, a count or <c>Auto</c>.</summary>
/// <remarks>The default value is the number 0.</remarks>
[JsonConverter(typeof(IntOrStringConverter))]
public readonly record struct IntOrString
{
    private readonly string? _text;
    private readonly long _number;

    public IntOrString(long number) => _number = number;

    public IntOrString(string text) => _text = text ?? throw new ArgumentNullException(nameof(text));

    public static implicit operator IntOrString(long number) => new(number);

    public static implicit operator IntOrString(string text) => new(text);

    /// <summary>The number; null where it is a text.</summary>
    public long? Number => _text is null ? _number : null;

    /// <summary>The text; null where it is a number.</summary>
    public string? Text => _text;

    public override string ToString() => _text ?? _number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>JSON form of <see cref="IntOrString"/>: a whole number or a string, nothing else.</summary>
public sealed class IntOrStringConverter : JsonConverter<IntOrString>
{
    public override IntOrString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.String => new IntOrString(reader.GetString()!),
            JsonTokenType.Number when reader.TryGetInt64(out var number) => new IntOrString(number),
            _ => throw new JsonException("must be a whole number or a string"),
        };

    public override void Write(Utf8JsonWriter writer, IntOrString value, JsonSerializerOptions options)
    {
        if (value.Number is { } number)
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteStringValue(value.Text);
        }
    }
}
