using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Mooring.Operator.Entities.Attributes;

namespace Mooring.Operator.AdminApi;

/// <summary>Writes the OpenAPI 3.1 document of the admin API from its routes and the types of its answers. Pure.</summary>
internal static partial class OpenApiDocument
{
    public const string Path = "/openapi.json";

    private const string ProblemReference = "#/components/responses/Problem";

    private static readonly Dictionary<string, string> Parameters = new(StringComparer.Ordinal)
    {
        ["namespace"] = "Namespace of the fleet",
        ["name"] = "Name of the fleet",
        ["gateway"] = "Name of the gateway: of its pod, or as operator up names it",
    };

    public static byte[] Write(IReadOnlyList<AdminRoute> routes, string version)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        foreach (var group in routes.GroupBy(static route => route.Path, StringComparer.Ordinal))
        {
            var operations = new JsonObject();
            foreach (var route in group)
            {
                operations[route.Method.ToLowerInvariant()] = Operation(route, schemas);
            }

            paths[group.Key] = operations;
        }

        var document = new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Mooring admin API",
                ["version"] = version,
                ["description"] =
                    "Fleets of long-lived connections: figures, scaling, cordon and drain, pauses. Errors are RFC 9457 problems.",
            },
            ["security"] = new JsonArray(new JsonObject { ["bearer"] = new JsonArray() }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    ["bearer"] = new JsonObject
                    {
                        ["type"] = "http",
                        ["scheme"] = "bearer",
                        ["description"] =
                            "In a cluster any token that the API server takes, such as kubectl create token's; else the one that operator up made.",
                    },
                },
                ["responses"] = new JsonObject
                {
                    ["Problem"] = new JsonObject
                    {
                        ["description"] = "Why it was not done; Retry-After says when to ask again, where that helps.",
                        ["content"] = Content(Problem.ContentType, Reference(AdminJson.Default.Problem, schemas)),
                    },
                },
                ["schemas"] = schemas,
            },
        };
        return JsonSerializer.SerializeToUtf8Bytes(document, Reconciliation.KubernetesNodeJson.Default.JsonObject);
    }

    private static JsonObject Operation(AdminRoute route, JsonObject schemas)
    {
        var parameters = new JsonArray();
        foreach (var name in Placeholder().Matches(route.Path).Select(static match => match.Groups["name"].Value))
        {
            parameters.Add((JsonNode)Parameter(name, "path", Parameters[name]));
        }

        if (route.TakesNamespace)
        {
            parameters.Add((JsonNode)Parameter("namespace", "query", "Only fleets of this namespace"));
        }

        foreach (var query in route.Queries)
        {
            parameters.Add((JsonNode)Parameter(query.Name, "query", query.Description));
        }

        var operation = new JsonObject
        {
            ["operationId"] = route.Id,
            ["summary"] = route.Summary,
            ["description"] = Right(route.Access),
            ["parameters"] = parameters,
            ["responses"] = new JsonObject
            {
                ["200"] = new JsonObject
                {
                    ["description"] = "Done",
                    ["content"] = Content("application/json", Reference(route.Answer, schemas)),
                },
                ["default"] = new JsonObject { ["$ref"] = ProblemReference },
            },
        };
        if (route.TakesBody)
        {
            operation["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = Content("application/json", Reference(AdminJson.Default.ScaleRequest, schemas)),
            };
        }

        return operation;
    }

    private static string Right(AccessRule rule) =>
        $"In a cluster it needs the verb {rule.Verb} on connectionfleets{(rule.Subresource.Length > 0 ? "/" + rule.Subresource : "")}.mooring.dev.";

    private static JsonObject Parameter(string name, string place, string description) =>
        new()
        {
            ["name"] = name,
            ["in"] = place,
            ["required"] = place == "path",
            ["description"] = description,
            ["schema"] = new JsonObject { ["type"] = "string", ["maxLength"] = 253 },
        };

    private static JsonObject Content(string type, JsonNode schema) => new() { [type] = new JsonObject { ["schema"] = schema } };

    /// <summary>A reference to the type's schema, which is put among the others; a list's is of its items.</summary>
    private static JsonObject Reference(JsonTypeInfo type, JsonObject schemas)
    {
        if (type.Kind == JsonTypeInfoKind.Enumerable)
        {
            return new JsonObject { ["type"] = "array", ["items"] = Reference(type.Options.GetTypeInfo(type.ElementType!), schemas) };
        }

        var name = type.Type.Name;
        if (!schemas.ContainsKey(name))
        {
            var schema = type.GetJsonSchemaAsNode(
                new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Describe }
            );
            Root(schema, $"#/components/schemas/{name}");
            schemas[name] = schema;
        }

        return new JsonObject { ["$ref"] = $"#/components/schemas/{name}" };
    }

    /// <summary>A type that comes twice is a reference within its schema, which is not at the document's root.</summary>
    private static void Root(JsonNode? schema, string root)
    {
        switch (schema)
        {
            case JsonObject members:
                if (members["$ref"] is JsonValue reference)
                {
                    members["$ref"] = root + reference.GetValue<string>().TrimStart('#');
                }

                foreach (var (_, member) in members.ToList())
                {
                    Root(member, root);
                }

                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    Root(item, root);
                }

                break;
        }
    }

    /// <summary>Adds what <c>[Description]</c> says.</summary>
    private static JsonNode Describe(JsonSchemaExporterContext context, JsonNode schema)
    {
        var attributes = (context.PropertyInfo?.AttributeProvider ?? context.TypeInfo.Type).GetCustomAttributes(
            typeof(DescriptionAttribute),
            inherit: false
        );
        if (attributes is [DescriptionAttribute description, ..] && schema is JsonObject described)
        {
            described["description"] = description.Text;
        }

        // What is null is left out of an answer.
        if (schema is JsonObject { } whole && whole["required"] is JsonArray required)
        {
            foreach (var name in required.Where(name => MayBeNull(whole["properties"]?[(string)name!])).ToList())
            {
                required.Remove(name);
            }
        }

        return schema;
    }

    private static bool MayBeNull(JsonNode? schema) =>
        schema?["type"] is JsonArray types && types.Any(static type => (string?)type == "null");

    [GeneratedRegex(@"\{(?<name>[a-z]+)\}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Placeholder();
}
