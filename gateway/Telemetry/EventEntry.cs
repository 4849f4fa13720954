using System.Text.Json;

namespace Mooring.Gateway.Telemetry;

/// <summary>Something that happened to the gateway itself: lifecycle, config, drain, stream.</summary>
/// <param name="Time">When.</param>
/// <param name="Name">Stable name in snake case, such as <c>config_accepted</c>.</param>
/// <param name="Details">Members of the line, in order.</param>
internal sealed record EventEntry(DateTimeOffset Time, string Name, params IReadOnlyList<(string Key, object? Value)> Details) : ILogEntry
{
    public void WriteTo(Utf8JsonWriter json)
    {
        json.WriteString("time"u8, Time);
        json.WriteString("type"u8, "event"u8);
        json.WriteString("event"u8, Name);
        foreach (var (key, value) in Details)
        {
            json.WritePropertyName(key);
            Write(json, value);
        }
    }

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            case IEnumerable<string> list:
                json.WriteStartArray();
                foreach (var item in list)
                {
                    json.WriteStringValue(item);
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(value.ToString());
                break;
        }
    }
}
