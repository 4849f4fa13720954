using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Mooring.Operator.Entities;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Host;

/// <summary>A document of kind Secret in a manifest.</summary>
/// <param name="Namespace">Default <c>default</c>, as a fleet's.</param>
/// <param name="Name">Name of the Secret.</param>
/// <param name="Data">Bytes by key.</param>
internal sealed partial record ManifestSecret(string Namespace, string Name, IReadOnlyDictionary<string, byte[]> Data)
{
    private const int MaxBytes = 1 << 20;

    /// <summary>What is not to be printed stays out of logs.</summary>
    public override string ToString() => $"Secret {Namespace}/{Name}";

    /// <summary>The Secrets of a manifest, or what is wrong with them. Pure. A text that is no YAML has none: others say so.</summary>
    public static (IReadOnlyList<ManifestSecret> Secrets, IReadOnlyList<string> Errors) ReadAll(string text, string path)
    {
        IReadOnlyList<YamlDocumentText> documents;
        try
        {
            documents = YamlReader.Read(text);
        }
        catch (FormatException)
        {
            return ([], []);
        }

        var errors = new List<string>();
        var secrets = new List<ManifestSecret>();
        foreach (var document in documents)
        {
            if (document.Value is JsonObject map && Text(map["kind"]) == "Secret" && Text(map["apiVersion"]) == "v1")
            {
                Read(map, problem => errors.Add($"{path}:{document.Line}: {problem}"), secrets);
            }
        }

        return errors.Count > 0 ? ([], errors) : (secrets, []);
    }

    private static void Read(JsonObject map, Action<string> report, List<ManifestSecret> secrets)
    {
        var metadata = map["metadata"] as JsonObject;
        var name = Text(metadata?["name"]) ?? "";
        var space = Text(metadata?["namespace"]) ?? "default";
        if (!SecretName().IsMatch(name) || !SecretName().IsMatch(space))
        {
            report($"Secret metadata.name: must be {Patterns.SecretNameMeaning}");
            return;
        }

        if (secrets.Exists(other => other.Name == name && other.Namespace == space))
        {
            report($"Secret {name}: is there twice");
            return;
        }

        var data = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (key, value) in map["data"] as JsonObject ?? [])
        {
            try
            {
                data[key] = Convert.FromBase64String(Text(value) ?? "?");
            }
            catch (FormatException)
            {
                report($"Secret {name}: data.{key}: is not base64 (stringData takes plain text)");
            }
        }

        foreach (var (key, value) in map["stringData"] as JsonObject ?? [])
        {
            data[key] = Encoding.UTF8.GetBytes(Text(value) ?? "");
        }

        foreach (var key in data.Keys.Where(static key => !SecretKey().IsMatch(key)))
        {
            report($"Secret {name}: '{key}' must be {Patterns.SecretKeyMeaning}");
        }

        if (data.Values.Sum(static value => value.Length) > MaxBytes)
        {
            report($"Secret {name}: has more than {MaxBytes} bytes");
        }

        secrets.Add(new ManifestSecret(space, name, data));
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    [GeneratedRegex(Patterns.SecretName, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SecretName();

    [GeneratedRegex(Patterns.SecretKey, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SecretKey();
}
