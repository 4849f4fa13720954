using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mooring.Kubernetes.Models;

/// <summary>JSON form of a meta/v1 MicroTime: RFC 3339 in UTC with exactly six digits of fraction, as the API server demands.</summary>
public sealed class MicroTimeConverter : JsonConverter<DateTimeOffset?>
{
    private const string Format = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";

    public override DateTimeOffset? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? null : reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset? value, JsonSerializerOptions options)
    {
        if (value is { } time)
        {
            writer.WriteStringValue(time.UtcDateTime.ToString(Format));
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}
