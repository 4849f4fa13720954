using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Schema;

namespace Mooring.Operator.Validation;

/// <summary>Checks JSON against a schema, as the API server would, with every error at once.</summary>
/// <remarks>
/// What has the wrong type is taken out of the JSON (a list's item becomes an empty object), so that the rest can still be read into the types and
/// checked by the rules that look at several fields.
/// </remarks>
internal sealed class SchemaChecker
{
    // Enough to work from; a file of garbage should not print without end.
    private const int MaxErrors = 200;

    // One for each pattern of the schema. Matching takes time in proportion to the text, whatever the text.
    private static readonly ConcurrentDictionary<string, Regex> Patterns = new(StringComparer.Ordinal);

    private readonly List<FieldError> _errors = [];

    private SchemaChecker() { }

    /// <summary>Checks a value and takes out of it what cannot be read.</summary>
    public static IReadOnlyList<FieldError> Check(JsonObject value, SchemaNode schema, string path)
    {
        var checker = new SchemaChecker();
        checker.CheckObject(value, schema, path);
        return checker._errors;
    }

    /// <summary>Returns false where the value has the wrong type.</summary>
    private bool CheckValue(JsonNode? value, SchemaNode schema, string path)
    {
        switch (schema.Type)
        {
            case SchemaType.Object when value is JsonObject map:
                CheckObject(map, schema, path);
                return true;
            case SchemaType.Map when value is JsonObject map:
                CheckMap(map, schema, path);
                return true;
            case SchemaType.Any or SchemaType.Metadata when value is JsonObject:
                return true;
            case SchemaType.List when value is JsonArray list:
                CheckList(list, schema, path);
                return true;
            case SchemaType.Text when AsText(value) is { } text:
                CheckText(text, schema, path);
                return true;
            case SchemaType.Integer when AsInteger(value) is { } number:
                CheckNumber(number, schema, path);
                return schema.Format != "int32" || number is >= int.MinValue and <= int.MaxValue;
            case SchemaType.Boolean when value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False:
                return true;
            case SchemaType.IntegerOrText when AsInteger(value) is not null || AsText(value) is not null:
                return true;
            case SchemaType.Quantity when AsInteger(value) is not null || AsText(value) is not null:
                if (AsText(value) is { } quantity && !Quantity.IsValid(quantity))
                {
                    Add(path, $"must be a quantity such as 500m, 2 or 64Mi, not '{Shorten(quantity)}'");
                }

                return true;
            default:
                var hint = schema.Type == SchemaType.Text && value is JsonValue ? ": put it in quotes" : "";
                Add(path, $"must be {Name(schema)}, not {Describe(value)}{hint}");
                return false;
        }
    }

    private void CheckObject(JsonObject map, SchemaNode schema, string path)
    {
        foreach (var (name, value) in map.ToList())
        {
            var child = FieldPath.Child(path, name);
            if (schema.Find(name) is not { } property)
            {
                map.Remove(name);
                Add(
                    child,
                    Spelling.Nearest(name, schema.Properties.Select(known => known.Name)) is { } nearest
                        ? $"unknown field; did you mean {nearest}?"
                        : $"unknown field; known are {string.Join(", ", schema.Properties.Select(known => known.Name))}"
                );
            }
            else if (value is null)
            {
                // As the API server does: a null is as if it were not there.
                map.Remove(name);
            }
            else if (!CheckValue(value, property.Schema, child))
            {
                map.Remove(name);
                continue;
            }
        }

        // A field that was there with the wrong type has its error already.
        foreach (var property in schema.Properties)
        {
            var child = FieldPath.Child(path, property.Name);
            if (property.Required && !map.ContainsKey(property.Name) && !_errors.Exists(error => error.Path == child))
            {
                Add(child, "required");
            }
        }
    }

    private void CheckMap(JsonObject map, SchemaNode schema, string path)
    {
        CheckCount(map.Count, "entries", schema, path);
        foreach (var (key, value) in map.ToList())
        {
            if (!CheckValue(value, schema.Items!, FieldPath.Key(path, key)))
            {
                map.Remove(key);
            }
        }
    }

    private void CheckList(JsonArray list, SchemaNode schema, string path)
    {
        CheckCount(list.Count, "items", schema, path);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < list.Count; i++)
        {
            var child = FieldPath.Item(path, i);
            if (!CheckValue(list[i], schema.Items!, child))
            {
                list[i] = schema.Items!.Type == SchemaType.Object ? new JsonObject() : JsonValue.Create("");
            }
            else if (schema.MapKey is { } key && (list[i] as JsonObject)?[key] is { } value && !seen.Add(value.ToJsonString()))
            {
                Add(FieldPath.Child(child, key), $"'{AsText(value)}' is there twice");
            }
        }
    }

    private void CheckText(string text, SchemaNode schema, string path)
    {
        if (schema.Allowed.Count > 0)
        {
            if (!schema.Allowed.Any(allowed => AsText(allowed) == text))
            {
                Add(path, $"'{Shorten(text)}' is not supported; supported: {string.Join(", ", schema.Allowed.Select(AsText))}");
            }
        }
        else if (schema.Maximum is { } longest && text.EnumerateRunes().Count() > longest)
        {
            Add(path, $"must be at most {longest} characters long");
        }
        else if (schema.Minimum is > 0 && text.Length == 0)
        {
            Add(path, "must not be empty");
        }
        else if (schema.Pattern is not null && !PatternOf(schema.Pattern).IsMatch(text))
        {
            Add(path, $"must be {schema.PatternMeaning}, not '{Shorten(text)}'");
        }
    }

    private void CheckNumber(long number, SchemaNode schema, string path)
    {
        if (schema.Allowed.Count > 0)
        {
            if (!schema.Allowed.Any(allowed => AsInteger(allowed) == number))
            {
                Add(path, $"{number} is not supported; supported: {string.Join(", ", schema.Allowed.Select(AsInteger))}");
            }
        }
        else if (number < (schema.LeastValue ?? long.MinValue) || number > (schema.GreatestValue ?? long.MaxValue))
        {
            Add(path, $"must be {schema.LeastValue} to {schema.GreatestValue}, not {number}");
        }
    }

    private void CheckCount(int count, string what, SchemaNode schema, string path)
    {
        if (count > (schema.Maximum ?? int.MaxValue))
        {
            Add(path, $"must have at most {schema.Maximum} {what}, not {count}");
        }
        else if (count < (schema.Minimum ?? 0))
        {
            Add(path, $"must have at least {schema.Minimum} {what}");
        }
    }

    private static Regex PatternOf(string pattern) =>
        Patterns.GetOrAdd(
            pattern,
            static text => new Regex(AsTheServer(text), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)
        );

    // To .NET, $ is also the place before a last line break, as a block scalar of YAML has one; to the API server it is the end.
    private static string AsTheServer(string pattern) => pattern.EndsWith('$') ? $@"{pattern[..^1]}\z" : pattern;

    private void Add(string path, string message)
    {
        if (_errors.Count < MaxErrors)
        {
            _errors.Add(new FieldError(path, message));
        }
    }

    private static string? AsText(JsonNode? node) => node?.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : null;

    // 80.0 counts as a whole number, as it does for the API server.
    private static long? AsInteger(JsonNode? node)
    {
        if (node is not JsonValue value || value.GetValueKind() != JsonValueKind.Number)
        {
            return null;
        }

        if (long.TryParse(value.ToJsonString(), out var number))
        {
            return number;
        }

        return double.TryParse(value.ToJsonString(), out var real) && real == Math.Floor(real) && Math.Abs(real) < 1L << 53
            ? (long)real
            : null;
    }

    private static string Name(SchemaNode schema) =>
        schema.Type switch
        {
            SchemaType.Text => "a text",
            SchemaType.Integer => "a whole number",
            SchemaType.Boolean => "true or false",
            SchemaType.List => "a list",
            SchemaType.IntegerOrText => "a whole number or a text",
            SchemaType.Quantity => "a quantity such as 500m, 2 or 64Mi (quoted when it has a decimal point)",
            _ => "an object",
        };

    private static string Describe(JsonNode? node) =>
        node switch
        {
            null => "null",
            JsonObject => "an object",
            JsonArray => "a list",
            _ when AsText(node) is { } text => $"the text '{Shorten(text)}'",
            _ => node.ToJsonString(),
        };

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
}
