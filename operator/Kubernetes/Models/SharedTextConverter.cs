using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>Reads equal texts as one object (<see cref="SharedTexts"/>): for what is kept in caches. Writes as ever.</summary>
public sealed class SharedTextConverter : JsonConverter<string>
{
    /// <inheritdoc/>
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            // Says what is there instead.
            return reader.GetString();
        }

        return ReadText(ref reader);
    }

    /// <inheritdoc/>
    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ReadText(ref reader);

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
        writer.WritePropertyName(value);

    private static string ReadText(ref Utf8JsonReader reader)
    {
        // Never fewer bytes than characters.
        var bytes = reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
        if (bytes > SharedTexts.Longest)
        {
            return reader.GetString()!;
        }

        Span<char> text = stackalloc char[SharedTexts.Longest];
        return SharedTexts.Of(text[..reader.CopyString(text)]);
    }
}
