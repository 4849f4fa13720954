using System.Text.Json;
using System.Text.Json.Nodes;

namespace Mooring.Operator.Tests.AdminApi;

/// <summary>As much of JSON Schema as the document uses; what it does not know fails, and so does a property that no schema has.</summary>
internal static class JsonSchemaCheck
{
    private static readonly string[] Known =
    [
        "type",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "description",
        "format",
        "default",
        "pattern",
        "$ref",
    ];

    public static void Check(JsonNode document, JsonNode schema, JsonNode? value, string place)
    {
        if (schema is JsonValue)
        {
            // true: anything.
            schema.GetValue<bool>().ShouldBeTrue(place);
            return;
        }

        schema.AsObject().Select(static member => member.Key).Except(Known).ShouldBeEmpty(place);
        if (schema["$ref"] is { } reference)
        {
            var target = document;
            foreach (var part in ((string)reference!).TrimStart('#', '/').Split('/'))
            {
                target = target[part]!;
            }

            Check(document, target, value, place);
            return;
        }

        if (schema["enum"] is JsonArray words)
        {
            words.Any(word => JsonNode.DeepEquals(word, value)).ShouldBeTrue($"{place}: {value} is none of {words}");
        }

        if (schema["type"] is { } type)
        {
            var types = type is JsonArray several ? several.Select(static one => (string)one!).ToList() : [(string)type!];
            types.ShouldContain(TypeOf(value, types), $"{place}: {value?.ToJsonString()}");
        }

        switch (value)
        {
            case JsonArray items when schema["items"] is { } item:
                for (var i = 0; i < items.Count; i++)
                {
                    Check(document, item, items[i], $"{place}[{i}]");
                }

                break;
            case JsonObject members:
                foreach (var required in schema["required"]?.AsArray() ?? [])
                {
                    members.ContainsKey((string)required!).ShouldBeTrue($"{place}.{required} is missing");
                }

                foreach (var (name, member) in members)
                {
                    var of = schema["properties"]?[name] ?? schema["additionalProperties"];
                    of.ShouldNotBeNull($"{place}.{name} is not in the schema");
                    Check(document, of, member, $"{place}.{name}");
                }

                break;
        }
    }

    private static string TypeOf(JsonNode? value, List<string> allowed) =>
        value?.GetValueKind() switch
        {
            null => "null",
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            _ when allowed.Contains("integer") && value.ToJsonString().All(static one => char.IsAsciiDigit(one) || one == '-') => "integer",
            _ => "number",
        };
}
