using YamlDotNet.RepresentationModel;

namespace Mooring.Kubernetes.Configuration;

/// <summary>Reads a YAML mapping field by field; what is of the wrong form is reported with file, line and field.</summary>
internal sealed class YamlReader(string file, YamlMappingNode node, string path)
{
    /// <summary>Parses a file's text. An empty one is an empty mapping.</summary>
    public static YamlReader Parse(string file, string text)
    {
        var yaml = new YamlStream();
        try
        {
            yaml.Load(new StringReader(text));
        }
        catch (YamlDotNet.Core.YamlException error)
        {
            throw new KubeConfigException($"{file}:{error.Start.Line}: {error.Message}", error);
        }

        return (yaml.Documents.Count > 0 ? yaml.Documents[0].RootNode : null) switch
        {
            YamlMappingNode mapping => new YamlReader(file, mapping, ""),
            null => new YamlReader(file, [], ""),
            YamlScalarNode { Value: null or "" } => new YamlReader(file, [], ""),
            _ => throw new KubeConfigException($"{file}: must be a mapping"),
        };
    }

    public string? Text(string key) =>
        Find(key) switch
        {
            null => null,
            YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: "null" or "~" or "" } => null,
            YamlScalarNode scalar => scalar.Value,
            var other => throw Wrong(other, key, "must be a text"),
        };

    public string Required(string key) => Text(key) is { Length: > 0 } value ? value : throw Wrong(node, key, "is missing");

    public bool Flag(string key) =>
        Text(key) switch
        {
            null => false,
            "true" => true,
            "false" => false,
            var other => throw Wrong(Find(key)!, key, $"must be true or false, not '{other}'"),
        };

    /// <summary>Base64 data; null when absent.</summary>
    public byte[]? Data(string key)
    {
        if (Text(key) is not { Length: > 0 } text)
        {
            return null;
        }

        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw Wrong(Find(key)!, key, "is not base64");
        }
    }

    public YamlReader? Mapping(string key) =>
        Find(key) switch
        {
            null or YamlScalarNode { Value: null or "" or "null" or "~" } => null,
            YamlMappingNode mapping => new YamlReader(file, mapping, Path(key)),
            var other => throw Wrong(other, key, "must be a mapping"),
        };

    /// <summary>A list of mappings; empty when absent.</summary>
    public IEnumerable<YamlReader> Mappings(string key)
    {
        var index = 0;
        foreach (var item in Items(key))
        {
            var at = $"{key}[{index++}]";
            yield return item is YamlMappingNode mapping
                ? new YamlReader(file, mapping, Path(at))
                : throw Wrong(item, at, "must be a mapping");
        }
    }

    /// <summary>A list of texts; empty when absent.</summary>
    public List<string> Texts(string key)
    {
        List<string> texts = [];
        foreach (var item in Items(key))
        {
            texts.Add(item is YamlScalarNode { Value: { } value } ? value : throw Wrong(item, $"{key}[{texts.Count}]", "must be a text"));
        }

        return texts;
    }

    /// <summary>Every key of this mapping.</summary>
    public IEnumerable<string> Keys() => node.Children.Keys.OfType<YamlScalarNode>().Select(static key => key.Value ?? "");

    /// <summary>An error about one field of this mapping.</summary>
    public KubeConfigException Wrong(string key, string what) => Wrong(Find(key) ?? node, key, what);

    private IEnumerable<YamlNode> Items(string key) =>
        Find(key) switch
        {
            null or YamlScalarNode { Value: null or "" or "null" or "~" } => [],
            YamlSequenceNode sequence => sequence.Children,
            var other => throw Wrong(other, key, "must be a list"),
        };

    private YamlNode? Find(string key) => node.Children.TryGetValue(new YamlScalarNode(key), out var value) ? value : null;

    private string Path(string key) => path.Length == 0 ? key : $"{path}.{key}";

    private KubeConfigException Wrong(YamlNode at, string key, string what) => new($"{file}:{at.Start.Line}: {Path(key)} {what}");
}
