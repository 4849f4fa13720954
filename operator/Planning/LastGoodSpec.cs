using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Operator.Planning;

/// <summary>
/// Keeps the spec that is in force on the gateways' ConfigMap, as an annotation: an operator that starts while the spec is not good goes on looking after
/// the last one that was. Not in the data, which the gateways' pods mount. Pure.
/// </summary>
/// <remarks>In one form for all ways to write the same, so that rewording a manifest writes nothing: keys in order, durations in their shortest form.</remarks>
internal static class LastGoodSpec
{
    public const string Annotation = "mooring.dev/last-good-spec";

    // All annotations of an object together may have 256 KiB; a longer spec is not kept.
    private const int MaxLength = 128 * 1024;

    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The annotation's text; null for a spec that is too long to be kept.</summary>
    public static string? Write(FleetSpec spec)
    {
        var json = Canonical(JsonSerializer.SerializeToNode(spec, FleetJson.Default.FleetSpec), SchemaBuilder.Fleet.Find("spec")?.Schema)!
            .ToJsonString(Compact);
        return json.Length <= MaxLength ? json : null;
    }

    /// <summary>Null where there is none that can be read.</summary>
    public static FleetSpec? Read(ConfigMap? map)
    {
        if (map?.Metadata.Annotations?.GetValueOrDefault(Annotation) is not { Length: <= MaxLength } text)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(text, FleetJson.Default.FleetSpec);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonNode? Canonical(JsonNode? node, SchemaNode? schema) =>
        node switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(static pair => pair.Key, StringComparer.Ordinal)
                    .Select(pair =>
                        KeyValuePair.Create(
                            pair.Key,
                            Canonical(pair.Value, schema?.Type == SchemaType.Map ? schema.Items : schema?.Find(pair.Key)?.Schema)
                        )
                    )
            ),
            JsonArray list => new JsonArray([.. list.Select(item => Canonical(item, schema?.Items))]),
            JsonValue value when schema is { Pattern: Patterns.Duration } && Duration.TryParse(value.ToString(), out var duration) =>
                Duration.Format(duration),
            JsonValue value when schema is { Type: SchemaType.Quantity } => Quantity.Canonicalize(value.ToString()),
            _ => node?.DeepClone(),
        };
}
