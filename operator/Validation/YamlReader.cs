using System.Text.Json.Nodes;
using Mooring.Operator.Entities.Schema;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Mooring.Operator.Validation;

/// <summary>A document of a YAML or JSON file, with the line of every field.</summary>
internal sealed record YamlDocumentText(JsonNode? Value, IReadOnlyDictionary<string, int> Lines, int Line)
{
    /// <summary>Line of a field, or of the nearest field above it that is in the file.</summary>
    public int LineOf(string path)
    {
        while (true)
        {
            if (Lines.TryGetValue(path, out var line))
            {
                return line;
            }

            if (path.Length == 0)
            {
                return Line;
            }

            path = FieldPath.Parent(path);
        }
    }
}

/// <summary>Reads YAML 1.2, of which JSON is a part, into JSON.</summary>
internal sealed class YamlReader
{
    /// <summary>Longest text that is looked at, in characters: what etcd takes for one object.</summary>
    public const int MaxLength = 1536 * 1024;

    // Aliases multiply: ten lines can stand for billions of nodes.
    private const int MaxNodes = 100_000;
    private const int MaxDepth = 64;

    private readonly Dictionary<string, int> _lines = new(StringComparer.Ordinal);
    private int _nodes;

    private YamlReader() { }

    /// <summary>Reads every document of the text; empty ones are skipped.</summary>
    /// <exception cref="FormatException">Not YAML, or too much of it; the message has line and column where there is one.</exception>
    public static IReadOnlyList<YamlDocumentText> Read(string text)
    {
        if (text.Length > MaxLength)
        {
            throw new FormatException($"the text is longer than {MaxLength} characters");
        }

        var stream = new YamlStream();
        try
        {
            CheckDepth(text);
            stream.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            throw new FormatException(
                $"line {error.Start.Line}, column {error.Start.Column}: {error.InnerException?.Message ?? error.Message}",
                error
            );
        }

        return stream
            .Documents.Where(document => !IsEmpty(document.RootNode))
            .Select(document =>
            {
                var reader = new YamlReader();
                var value = reader.Convert(document.RootNode, "", 0);
                return new YamlDocumentText(value, reader._lines, (int)document.RootNode.Start.Line);
            })
            .ToList();
    }

    // The representation model recurses as deep as the text nests, so the depth is looked at first, on the flat stream of events.
    private static void CheckDepth(string text)
    {
        var parser = new Parser(new StringReader(text));
        var depth = 0;
        while (parser.MoveNext())
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MaxDepth)
            {
                throw new FormatException($"line {parser.Current.Start.Line}: nested more than {MaxDepth} deep");
            }
        }
    }

    private static bool IsEmpty(YamlNode node) => node is YamlScalarNode { Style: ScalarStyle.Plain, Value: null or "" };

    // The entries, those under << (YAML's merge key) last and only where the map has no such key itself.
    private static IEnumerable<KeyValuePair<YamlNode, YamlNode>> Merged(YamlMappingNode map, int depth)
    {
        var own = map.Children.Where(entry => !IsMerge(entry)).ToList();
        foreach (var entry in own)
        {
            yield return entry;
        }

        var names = own.Select(entry => (entry.Key as YamlScalarNode)?.Value).ToHashSet();
        foreach (var entry in map.Children.Where(IsMerge))
        {
            foreach (var source in entry.Value is YamlSequenceNode list ? list.Children.AsEnumerable() : [entry.Value])
            {
                if (source is not YamlMappingNode merged || depth > MaxDepth)
                {
                    throw new FormatException($"line {entry.Key.Start.Line}: << must name a map");
                }

                foreach (var inherited in Merged(merged, depth + 1).Where(inherited => names.Add((inherited.Key as YamlScalarNode)?.Value)))
                {
                    yield return inherited;
                }
            }
        }

        static bool IsMerge(KeyValuePair<YamlNode, YamlNode> entry) =>
            entry.Key is YamlScalarNode { Value: "<<", Style: ScalarStyle.Plain };
    }

    private JsonNode? Convert(YamlNode node, string path, int depth)
    {
        if (++_nodes > MaxNodes || depth > MaxDepth)
        {
            throw new FormatException($"line {node.Start.Line}: more than {MaxNodes} values, or nested more than {MaxDepth} deep");
        }

        _lines.TryAdd(path, (int)node.Start.Line);
        switch (node)
        {
            case YamlMappingNode map:
                var json = new JsonObject();
                foreach (var (key, value) in Merged(map, depth))
                {
                    var name = (key as YamlScalarNode)?.Value ?? throw new FormatException($"line {key.Start.Line}: a key must be a text");
                    // The key's line, not the value's: a block below the key begins a line later.
                    var child = FieldPath.Child(path, name);
                    _lines.TryAdd(child, (int)key.Start.Line);
                    _lines.TryAdd(FieldPath.Key(path, name), (int)key.Start.Line);
                    json[name] = Convert(value, child, depth + 1);
                }

                return json;
            case YamlSequenceNode list:
                return new JsonArray([.. list.Children.Select((item, index) => Convert(item, FieldPath.Item(path, index), depth + 1))]);
            case YamlScalarNode { Style: ScalarStyle.Plain, Value: { } text } scalar when scalar.Tag.IsEmpty || scalar.Tag.IsNonSpecific:
                return YamlScalar.Resolve(text);
            case YamlScalarNode scalar:
                return JsonValue.Create(scalar.Value ?? "");
            default:
                throw new FormatException($"line {node.Start.Line}: cannot be read");
        }
    }
}
