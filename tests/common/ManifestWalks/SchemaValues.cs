using System.Text.Json.Nodes;
using Fare;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Testing.ManifestWalks;

/// <summary>Random values that a schema allows, those at its edges more often than others.</summary>
internal sealed class SchemaValues(Random random)
{
    private const int Deepest = 4;

    // What is right by the schema and strange all the same.
    private static readonly string[] Texts =
    [
        "a",
        "app",
        "App.Example",
        " ",
        "two words",
        "é",
        "日本",
        "-",
        "a: b",
        "#x",
        "\"",
        "'",
        "\\",
        "{{ .Values }}",
        "$(PATH)",
        "true",
        "1",
        "null",
        "~",
        "%",
        "/",
        "*",
        "\u007f",
        "a\tb",
        "a\nb",
    ];

    private static readonly string[] Durations =
    [
        "0s",
        "1ms",
        "10ms",
        "100ms",
        "500ms",
        "999ms",
        "1s",
        "1500ms",
        "2s",
        "5s",
        "10s",
        "30s",
        "1m",
        "90s",
        "10m",
        "1h",
        "1h1m1s1ms",
        "24h",
        "25h",
        "168h",
        "8760h",
        "99999h",
    ];

    // Of labels, and of resources.
    private static readonly string[] Keys =
    [
        "a",
        "example.com/b",
        "example.com/c",
        "feature.node.kubernetes.io/d",
        "cpu",
        "memory",
        "ephemeral-storage",
        "hugepages-2Mi",
        "-",
        "a b",
    ];

    private static readonly string[] Quantities = ["0", "1", "1m", "100m", "1500m", "64Mi", "1Gi", "0.5", "2e3", "10G", "1Ti", "9Ei", "-1"];

    // Compiling one takes longer than all the rest. Xeger has its own randomness, hence one for each walk's random.
    private readonly Dictionary<string, Xeger> _patterns = new(StringComparer.Ordinal);

    /// <summary>Names of backends, which other places refer to.</summary>
    public IReadOnlyList<string> Backends { get; set; } = [];

    /// <param name="schema">What to make a value of.</param>
    /// <param name="name">Name of the field; empty for a list's item.</param>
    public JsonNode? Of(SchemaNode schema, string name) => Of(schema, name, 0);

    private JsonNode? Of(SchemaNode schema, string name, int depth)
    {
        if (schema.Allowed.Count > 0)
        {
            return schema.Allowed[random.Next(schema.Allowed.Count)].DeepClone();
        }

        return schema.Type switch
        {
            SchemaType.Object => Object(schema, depth),
            SchemaType.Map => Map(schema, depth),
            SchemaType.List => List(schema, depth),
            SchemaType.Text => Text(schema, name),
            SchemaType.Integer => Number(schema),
            SchemaType.Boolean => random.Next(2) == 0,
            SchemaType.IntegerOrText => random.Next(2) == 0 ? Number(schema) : JsonValue.Create($"{random.Next(0, 101)}%"),
            SchemaType.Quantity => Quantities[random.Next(Quantities.Length)],
            _ => new JsonObject(),
        };
    }

    private JsonObject Object(SchemaNode schema, int depth)
    {
        var map = new JsonObject();
        // One or two beside what must be there: the more, the less often they go together.
        var wanted = depth < Deepest && schema.Properties.Count > 0 ? random.Next(3) : 0;
        var optional = Enumerable.Range(0, wanted).Select(_ => schema.Properties[random.Next(schema.Properties.Count)].Name).ToHashSet();
        foreach (var property in schema.Properties)
        {
            if (property.Required || optional.Contains(property.Name))
            {
                map[property.Name] = Of(property.Schema, property.Name, depth + 1);
            }
        }

        return map;
    }

    private JsonObject Map(SchemaNode schema, int depth)
    {
        var map = new JsonObject();
        for (var i = Count(schema); i > 0; i--)
        {
            map[Keys[random.Next(Keys.Length)]] = Of(schema.Items!, "", depth + 1);
        }

        return map;
    }

    private JsonArray List(SchemaNode schema, int depth) =>
        new([.. Enumerable.Range(0, Count(schema)).Select(_ => Of(schema.Items!, "", depth + 1))]);

    private int Count(SchemaNode schema) => random.Next(schema.Minimum ?? 0, Math.Min(schema.Maximum ?? 3, (schema.Minimum ?? 0) + 2) + 1);

    private JsonValue Text(SchemaNode schema, string name)
    {
        if (name is "backend" or "backup" && Backends.Count > 0)
        {
            return JsonValue.Create(Backends[random.Next(Backends.Count)]);
        }

        var text = schema.Pattern switch
        {
            null => random.Next(6) == 0 ? new string('x', Math.Min(schema.Maximum ?? 300, 5000)) : Texts[random.Next(Texts.Length)],
            Patterns.Duration => Durations[random.Next(Durations.Length)],
            var pattern => Matching(pattern),
        };
        return JsonValue.Create(schema.Maximum is { } most && text.Length > most ? text[..most] : text);
    }

    private string Matching(string pattern)
    {
        if (!_patterns.TryGetValue(pattern, out var maker))
        {
            // It does not know these classes, nor lookarounds, of which there are none.
            maker = new Xeger(
                pattern
                    .Replace(@"[^\s]", "[!-~]", StringComparison.Ordinal)
                    .Replace(@"\S", "[!-~]", StringComparison.Ordinal)
                    .Replace(@"\s", " ", StringComparison.Ordinal),
                random
            );
            _patterns.Add(pattern, maker);
        }

        return maker.Generate();
    }

    private JsonValue Number(SchemaNode schema)
    {
        var (least, most) = (schema.LeastValue ?? -1, schema.GreatestValue ?? int.MaxValue);
        var value = random.Next(8) switch
        {
            0 => least,
            1 => most,
            2 => least + 1,
            3 => most - 1,
            4 => random.NextInt64(least, most),
            5 => random.NextInt64(1024, 65536),
            // Small ones, of every magnitude alike.
            _ => least + (long)Math.Pow(2, random.NextDouble() * Math.Log2(Math.Max(2, most - least))),
        };
        return JsonValue.Create(Math.Clamp(value, least, most));
    }
}
