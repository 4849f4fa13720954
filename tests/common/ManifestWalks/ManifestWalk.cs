using System.Globalization;
using System.Text.Json.Nodes;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;
using Mooring.Operator.Validation;

namespace Mooring.Testing.ManifestWalks;

/// <summary>A random walk through the manifests that the operator calls good: each step changes one place, to any value that the schema has, and leads to a manifest that is good too.</summary>
/// <remarks>
/// So each step is a manifest that somebody may apply, and what comes of it must hold: that there is a plan, that gateways take the config, that the API server takes the objects.
/// Equal starts and seeds, equal walks.
/// </remarks>
internal sealed class ManifestWalk
{
    private const int Attempts = 2000;

    private readonly Random _random;
    private readonly SchemaValues _values;
    private readonly IReadOnlyList<JsonObject> _others;

    /// <param name="start">A good manifest.</param>
    /// <param name="others">Manifests to take parts of.</param>
    /// <param name="seed">Of the walk.</param>
    /// <param name="ns">Namespace of the fleet.</param>
    public ManifestWalk(string start, IReadOnlyList<string> others, int seed, string ns = "shop")
    {
        _random = new Random(seed);
        _values = new SchemaValues(_random);
        _others = [.. others.Select(Read)];
        Manifest = Read(start);
        Manifest["metadata"] = new JsonObject { ["name"] = "walk", ["namespace"] = ns };
        Fleet = Good(Manifest) ?? throw new ArgumentException("no good manifest", nameof(start));
    }

    /// <summary>Where the walk is.</summary>
    public JsonObject Manifest { get; private set; }

    /// <summary><see cref="Manifest"/> as it is read, with uid and generation.</summary>
    public ConnectionFleet Fleet { get; private set; }

    /// <summary>A number of the environment, for longer walks and others: <c>MOORING_WALK_STEPS=500</c>, <c>MOORING_WALK_SEED=7</c>.</summary>
    public static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var given) ? given : otherwise;

    /// <summary>The samples and the planner's golden inputs: where walks may begin.</summary>
    /// <param name="root">Folder of the repository.</param>
    public static IReadOnlyList<string> Starts(string root) =>
        [
            .. Read(Path.Combine(root, "config", "samples"), "*.yaml"),
            .. Read(Path.Combine(root, "tests", "unit", "Operator", "Planning", "Golden"), "*.in.yaml"),
        ];

    /// <summary>Goes on to another good manifest.</summary>
    /// <returns>What was changed.</returns>
    public string Step()
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var next = Manifest.DeepClone().AsObject();
            var changed = Change(next);
            if (!JsonNode.DeepEquals(next, Manifest) && Good(next) is { } fleet)
            {
                (Manifest, Fleet) = (next, fleet);
                return changed;
            }
        }

        throw new InvalidOperationException($"nothing good beside {Manifest.ToJsonString()}");
    }

    private static IEnumerable<string> Read(string folder, string files) =>
        Directory.GetFiles(folder, files).Order(StringComparer.Ordinal).Select(File.ReadAllText);

    private static JsonObject Read(string yaml) =>
        YamlReader.Read(yaml).Select(document => document.Value).OfType<JsonObject>().First(one => (string?)one["kind"] == FleetApi.Kind);

    private static ConnectionFleet? Good(JsonObject manifest)
    {
        var fleet = FleetManifest.Load(manifest.ToJsonString()).Fleet;
        if (fleet is not null)
        {
            fleet.Metadata.Uid = "3f6c2f5e-7a43-4c1c-9d0e-0c8f6c6f0a11";
            fleet.Metadata.Generation = 1;
        }

        return fleet;
    }

    private string Change(JsonObject manifest)
    {
        var spec = manifest["spec"]!.AsObject();
        _values.Backends = [.. (spec["backends"] as JsonArray ?? []).Select(backend => (string?)backend?["name"]).OfType<string>()];
        return ChangeObject(
            spec,
            SchemaBuilder.Fleet.Find("spec")!.Schema,
            "spec",
            [.. _others.Select(other => other["spec"]).OfType<JsonObject>()]
        );
    }

    // Down to one of what is there, or one of what may be there is put, or taken away. Parallels are the same place in the other manifests.
    private string ChangeObject(JsonObject map, SchemaNode schema, string path, IReadOnlyList<JsonObject> parallels)
    {
        var there = schema.Properties.Where(property => map.ContainsKey(property.Name)).ToList();
        var property = Pick(there.Count > 0 && _random.Next(3) > 0 ? there : schema.Properties);

        var at = $"{path}.{property.Name}";
        var beside = parallels.Select(other => other[property.Name]).OfType<JsonNode>().ToList();
        if (map[property.Name] is { } value && _random.Next(20) > 0)
        {
            switch (value)
            {
                case JsonObject inner when property.Schema.Type == SchemaType.Object:
                    return ChangeObject(inner, property.Schema, at, [.. beside.OfType<JsonObject>()]);
                case JsonArray list when property.Schema.Type == SchemaType.List && list.Count > 0:
                    return ChangeList(
                        list,
                        property.Schema,
                        at,
                        [.. beside.OfType<JsonArray>().SelectMany(other => other.OfType<JsonNode>())]
                    );
            }
        }

        if (map.ContainsKey(property.Name) && _random.Next(8) == 0)
        {
            map.Remove(property.Name);
            return $"{at} taken away";
        }

        map[property.Name] =
            beside.Count > 0 && _random.Next(3) == 0
                ? beside[_random.Next(beside.Count)].DeepClone()
                : _values.Of(property.Schema, property.Name);
        return at;
    }

    // Each of the places below it is to be as likely as any other.
    private SchemaProperty Pick(IReadOnlyList<SchemaProperty> properties)
    {
        var at = _random.Next(properties.Sum(static property => Places(property.Schema)));
        return properties.First(property => (at -= Places(property.Schema)) < 0);
    }

    private static int Places(SchemaNode schema) =>
        schema.Properties.Sum(static property => Places(property.Schema)) + (schema.Items is { } items ? Places(items) : 0) + 1;

    private string ChangeList(JsonArray list, SchemaNode schema, string path, IReadOnlyList<JsonNode> parallels)
    {
        var index = _random.Next(list.Count);
        var at = $"{path}[{index}]";
        switch (_random.Next(12))
        {
            case 0:
                list.RemoveAt(index);
                return $"{at} taken away";
            case 1:
                list.Add(Another(list, schema, index, parallels));
                return $"{path}[{list.Count - 1}]";
            default:
                if (list[index] is JsonObject item && schema.Items!.Type == SchemaType.Object)
                {
                    return ChangeObject(item, schema.Items, at, [.. parallels.OfType<JsonObject>()]);
                }

                list[index] = _values.Of(schema.Items!, "");
                return at;
        }
    }

    // Like one that is there, or like one elsewhere, under a name and a port of its own.
    private JsonNode? Another(JsonArray list, SchemaNode schema, int index, IReadOnlyList<JsonNode> parallels)
    {
        var made = _random.Next(3) switch
        {
            0 => _values.Of(schema.Items!, ""),
            1 when parallels.Count > 0 => parallels[_random.Next(parallels.Count)].DeepClone(),
            _ => list[index]?.DeepClone(),
        };
        if (made is JsonObject item)
        {
            foreach (var name in new[] { "name", "port", "backend" })
            {
                if (item.ContainsKey(name) && schema.Items!.Find(name) is { } property)
                {
                    item[name] = _values.Of(property.Schema, name);
                }
            }
        }

        return made;
    }
}
