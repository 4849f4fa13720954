using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Validation;

/// <summary>A fleet from a file, or what is wrong with it.</summary>
/// <param name="Fleet">The fleet with its defaults filled in; null where there are errors.</param>
/// <param name="Errors">Everything that is wrong, each with its line, in the order of the file. Empty: the fleet is good.</param>
/// <param name="Name">Name of the fleet as far as it could be read, or empty.</param>
public sealed record LoadedFleet(ConnectionFleet? Fleet, IReadOnlyList<FieldError> Errors, string Name = "");

/// <summary>Reads fleets from manifests in YAML or JSON. Pure and thread-safe.</summary>
public static class FleetManifest
{
    /// <summary>Reads the one fleet of a text. None, and more than one, are errors; documents of other kinds are skipped.</summary>
    public static LoadedFleet Load(string text)
    {
        var fleets = LoadAll(text);
        return fleets switch
        {
            [var only] => only,
            [] => Failed(new FieldError("", $"there is no {FleetApi.Kind} in it")),
            _ => Failed(new FieldError("", $"there are {fleets.Count} fleets in it, and only one is taken here")),
        };
    }

    /// <summary>Reads every fleet of a text of one or more documents; those of other kinds are skipped.</summary>
    public static IReadOnlyList<LoadedFleet> LoadAll(string text)
    {
        IReadOnlyList<YamlDocumentText> documents;
        try
        {
            documents = YamlReader.Read(text);
        }
        catch (FormatException error)
        {
            return [Failed(new FieldError("", error.Message))];
        }

        return documents.Where(document => !IsOtherKind(document)).Select(Read).ToList();
    }

    private static bool IsOtherKind(YamlDocumentText document) =>
        document.Value is JsonObject map
        && Text(map, "kind") is { } kind
        && kind != FleetApi.Kind
        && Text(map, "apiVersion") is { } version
        && !version.StartsWith(FleetApi.Group + "/", StringComparison.Ordinal);

    private static LoadedFleet Read(YamlDocumentText document)
    {
        if (document.Value is not JsonObject map)
        {
            return Failed(new FieldError("", "must be an object with apiVersion, kind, metadata and spec") { Line = document.Line });
        }

        var errors = CheckHead(map).ToList();
        // What the cluster writes is none of the manifest's business; `kubectl get -o yaml` has it all the same.
        map.Remove("status");
        errors.AddRange(SchemaChecker.Check(map, SchemaBuilder.Fleet, ""));
        errors.AddRange(MetadataChecker.Check(map));
        map["spec"] ??= new JsonObject();
        ConnectionFleet fleet;
        try
        {
            fleet = map.Deserialize(FleetJson.Default.ConnectionFleet)!;
        }
        catch (JsonException error)
        {
            return Failed(new FieldError("", error.Message) { Line = document.Line });
        }

        fleet = FleetPresets.Fill(fleet);
        // A field that is already known to be wrong is not blamed twice.
        var blamed = errors.Select(error => error.Path).ToHashSet(StringComparer.Ordinal);
        errors.AddRange(
            FleetValidator.CheckName(fleet).Concat(FleetValidator.CheckRules(fleet)).Where(error => !blamed.Contains(error.Path))
        );
        var located = FleetValidator.Sort(errors.Select(error => error with { Line = document.LineOf(error.Path) }));
        return new LoadedFleet(located.Count == 0 ? fleet : null, located, fleet.Metadata.Name ?? "");
    }

    private static IEnumerable<FieldError> CheckHead(JsonObject map)
    {
        if (Text(map, "apiVersion") is var version && version != FleetApi.ApiVersion)
        {
            yield return new FieldError("apiVersion", $"must be {FleetApi.ApiVersion}" + (version is null ? "" : $", not {version}"));
        }

        if (Text(map, "kind") is var kind && kind != FleetApi.Kind)
        {
            yield return new FieldError("kind", $"must be {FleetApi.Kind}" + (kind is null ? "" : $", not {kind}"));
        }
    }

    private static string? Text(JsonObject map, string name) =>
        map[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    private static LoadedFleet Failed(FieldError error) => new(null, [error]);
}
