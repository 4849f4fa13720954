using System.Text;
using System.Text.Json;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary>Says what a tunnel's client does: in words, or as one JSON object a line. Thread-safe.</summary>
internal sealed class TunnelOutput(TextWriter output, bool json, TimeProvider time)
{
    private readonly Lock _gate = new();

    /// <param name="name">Of the event, in lower case.</param>
    /// <param name="words">For people.</param>
    /// <param name="fields">For programs: texts, numbers and truths.</param>
    public void Say(string name, string words, params (string Name, object? Value)[] fields)
    {
        lock (_gate)
        {
            output.WriteLine(json ? Json(name, fields) : words);
            output.Flush();
        }
    }

    private string Json(string name, (string Name, object? Value)[] fields)
    {
        using var body = new MemoryStream();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteString("time", time.GetUtcNow());
            writer.WriteString("event", name);
            foreach (var (field, value) in fields)
            {
                switch (value)
                {
                    case int number:
                        writer.WriteNumber(field, number);
                        break;
                    case bool truth:
                        writer.WriteBoolean(field, truth);
                        break;
                    case not null:
                        writer.WriteString(field, value.ToString());
                        break;
                }
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(body.ToArray());
    }
}
