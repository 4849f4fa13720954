using System.Text.Json.Nodes;

namespace Mooring.Operator.Entities.Schema;

/// <summary>Writes a schema as the OpenAPI v3 of a CRD.</summary>
internal static class SchemaWriter
{
    // Kubernetes' own pattern for quantities (apimachinery, resource.Quantity).
    private const string QuantityPattern =
        @"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

    public static JsonObject Write(SchemaNode node)
    {
        var json = new JsonObject();
        // Of metadata, the API server takes no other word than that it is there.
        if (node.Description.Length > 0 && node.Type != SchemaType.Metadata)
        {
            json["description"] = node.Description;
        }

        WriteType(node, json);
        if (node.Default is not null)
        {
            json["default"] = node.Default.DeepClone();
        }

        if (node.Rules.Count > 0)
        {
            json["x-kubernetes-validations"] = new JsonArray([.. node.Rules.Select(WriteRule)]);
        }

        return json;
    }

    private static void WriteType(SchemaNode node, JsonObject json)
    {
        switch (node.Type)
        {
            case SchemaType.Object:
                json["type"] = "object";
                json["properties"] = new JsonObject(
                    node.Properties.Select(property => KeyValuePair.Create(property.Name, (JsonNode?)Write(property.Schema)))
                );
                if (node.Properties.Any(property => property.Required))
                {
                    json["required"] = new JsonArray([
                        .. node.Properties.Where(property => property.Required).Select(property => (JsonNode?)property.Name),
                    ]);
                }

                break;
            case SchemaType.Map:
                json["type"] = "object";
                json["additionalProperties"] = Write(node.Items!);
                Set(json, "minProperties", node.Minimum);
                Set(json, "maxProperties", node.Maximum);
                break;
            case SchemaType.Any:
                json["type"] = "object";
                json["x-kubernetes-preserve-unknown-fields"] = true;
                break;
            case SchemaType.Metadata:
                json["type"] = "object";
                break;
            case SchemaType.List:
                json["type"] = "array";
                json["items"] = Write(node.Items!);
                Set(json, "minItems", node.Minimum);
                Set(json, "maxItems", node.Maximum);
                json["x-kubernetes-list-type"] = node.MapKey is null ? "atomic" : "map";
                if (node.MapKey is not null)
                {
                    json["x-kubernetes-list-map-keys"] = new JsonArray(node.MapKey);
                }

                break;
            case SchemaType.Text:
                json["type"] = "string";
                Set(json, "minLength", node.Minimum is > 0 ? node.Minimum : null);
                Set(json, "maxLength", node.Maximum);
                WriteText(node, json);
                break;
            case SchemaType.Integer:
                json["type"] = "integer";
                json["format"] = node.Format;
                Set(json, "minimum", node.LeastValue);
                Set(json, "maximum", node.GreatestValue);
                WriteAllowed(node, json);
                break;
            case SchemaType.Boolean:
                json["type"] = "boolean";
                break;
            case SchemaType.IntegerOrText or SchemaType.Quantity:
                json["anyOf"] = new JsonArray(new JsonObject { ["type"] = "integer" }, new JsonObject { ["type"] = "string" });
                json["x-kubernetes-int-or-string"] = true;
                // The API server applies the pattern to the text form only.
                if (node.Type == SchemaType.Quantity)
                {
                    json["maxLength"] = 32;
                    json["pattern"] = QuantityPattern;
                }
                else
                {
                    json["maxLength"] = 63;
                }

                break;
            default:
                throw new InvalidOperationException($"no OpenAPI form for {node.Type}");
        }
    }

    private static void WriteText(SchemaNode node, JsonObject json)
    {
        if (node.Format is not null)
        {
            json["format"] = node.Format;
        }

        if (node.Pattern is not null)
        {
            json["pattern"] = node.Pattern;
        }

        WriteAllowed(node, json);
    }

    private static void WriteAllowed(SchemaNode node, JsonObject json)
    {
        if (node.Allowed.Count > 0)
        {
            json["enum"] = new JsonArray([.. node.Allowed.Select(value => value.DeepClone())]);
        }
    }

    private static JsonObject WriteRule(SchemaRule rule)
    {
        var json = new JsonObject { ["rule"] = rule.Rule, ["message"] = rule.Message };
        if (rule.FieldPath is not null)
        {
            json["fieldPath"] = rule.FieldPath;
        }

        return json;
    }

    private static void Set(JsonObject json, string name, long? value)
    {
        if (value is { } number)
        {
            json[name] = number;
        }
    }
}
